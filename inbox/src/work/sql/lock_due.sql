WITH due AS MATERIALIZED (
    {due}
)
SELECT key FROM due ORDER BY place, due_at LIMIT $1
