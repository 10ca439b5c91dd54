WITH RECURSIVE hours (hour) AS (
    SELECT CAST(0 AS BIGINT) UNION ALL SELECT hour + 1 FROM hours WHERE hour < 23
)
SELECT hour, (SELECT COUNT(*) FROM (
    SELECT 1 AS one FROM leadhook_inbox
    WHERE state = 'done' AND source = $1
        AND settled_at >= $2 + hour * 3600000 AND settled_at < $2 + (hour + 1) * 3600000
    LIMIT {limit}
) AS counted) AS handled
FROM hours ORDER BY hour
