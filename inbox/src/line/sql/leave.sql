-- Settled events leave their lines. One that somebody else removes is passed over.
DELETE FROM leadhook_inbox_line
WHERE position IN (
    SELECT position FROM leadhook_inbox_line AS line
    WHERE key {in $1} AND NOT EXISTS (SELECT 1 FROM leadhook_inbox AS i WHERE i.key = line.key AND i.state = 'waiting')
    ORDER BY position {skip_locked}
)
RETURNING CAST(subject AS TEXT) AS subject,
    CASE WHEN EXISTS (
        SELECT 1 FROM leadhook_inbox_line AS behind
        WHERE behind.subject = leadhook_inbox_line.subject AND behind.position > leadhook_inbox_line.position
    ) THEN CAST(1 AS BIGINT) ELSE 0 END AS has_more
