chosen AS MATERIALIZED (
    SELECT key FROM leadhook_inbox AS first, me WHERE key {in $3} AND {is_first}
)
