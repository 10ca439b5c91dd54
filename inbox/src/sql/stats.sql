SELECT source,
    CAST(SUM(CASE WHEN state = 'waiting' AND lease IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS waiting,
    CAST(SUM(CASE WHEN state = 'waiting' AND lease IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) AS in_progress,
    CAST(SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END) AS BIGINT) AS dead,
    {now} - MIN(CASE WHEN state = 'waiting' AND lease IS NULL AND due_at <= {now} THEN due_at END) AS oldest_due
FROM leadhook_inbox
WHERE state IN ('waiting', 'dead')
GROUP BY source
ORDER BY source
