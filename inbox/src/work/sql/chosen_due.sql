due AS MATERIALIZED (
    {due}
), chosen AS MATERIALIZED (
    SELECT key FROM due, me ORDER BY place, due_at LIMIT $3
)
