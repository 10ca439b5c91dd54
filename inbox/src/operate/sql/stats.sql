SELECT source,
    CAST(SUM(waiting) AS BIGINT) AS waiting,
    CAST(SUM(in_progress) AS BIGINT) AS in_progress,
    CAST(SUM(dead) AS BIGINT) AS dead,
    {now} - MIN(CASE WHEN due_at <= {now} THEN due_at END) AS oldest_due
FROM (
    -- Each part has an index of its own, so that done rows cost nothing.
    SELECT source, 1 AS waiting, 0 AS in_progress, 0 AS dead, due_at FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0
    UNION ALL
    SELECT source, 1, 0, 0, due_at FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0
    UNION ALL
    SELECT source, 1, 0, 0, NULL FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1
    UNION ALL
    SELECT source, 0, 1, 0, NULL FROM leadhook_inbox WHERE token IS NOT NULL
    UNION ALL
    SELECT source, 0, 0, 1, NULL FROM leadhook_inbox WHERE state = 'dead'
) AS rows_of_source
GROUP BY source
ORDER BY source
