SELECT COUNT(*) AS selected FROM (
    SELECT 1 AS one FROM {table} WHERE {of_sources} AND {selected} AND {condition} LIMIT {limit}
) AS counted
