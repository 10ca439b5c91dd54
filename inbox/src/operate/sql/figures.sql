-- Each count stops at a limit, and each has an index, so that a backlog of any size costs the same.
SELECT
    (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0 AND source = $1 AND due_at < $2 LIMIT {limit}
    ) AS counted) + (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0 AND source = $1 AND due_at < $2 LIMIT {limit}
    ) AS counted) + (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1 AND source = $1 AND due_at < $2
        LIMIT {limit}
    ) AS counted) AS due,
    (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0 AND source = $1 AND due_at >= $2 LIMIT {limit}
    ) AS counted) + (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0 AND source = $1 AND due_at >= $2 LIMIT {limit}
    ) AS counted) + (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1 AND source = $1 AND due_at >= $2
        LIMIT {limit}
    ) AS counted) AS in_backoff,
    (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox WHERE token IS NOT NULL AND source = $1 LIMIT {limit}
    ) AS counted) AS in_progress,
    (SELECT COUNT(*) FROM (
        SELECT 1 AS one FROM leadhook_inbox WHERE state = 'dead' AND source = $1 LIMIT {limit}
    ) AS counted) AS dead,
    (SELECT MIN(due_at) FROM (
        SELECT MIN(due_at) AS due_at FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0 AND source = $1 AND due_at < $2
        UNION ALL
        SELECT MIN(due_at) FROM leadhook_inbox
        WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0 AND source = $1 AND due_at < $2
    ) AS oldest) AS oldest_due
