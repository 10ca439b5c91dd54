-- Moves what was accepted a moment ago into the last twelve hours, and lets the CRM be down from two to six hours ago.
UPDATE leadhook_inbox SET accepted_at = accepted_at - 43200000
    + CAST((rowid * 43200000.0) / (SELECT MAX(rowid) FROM leadhook_inbox) AS INTEGER);

-- Handled soon after they arrived.
UPDATE leadhook_inbox SET state = 'done', attempts = 1, settled_at = accepted_at + 150 + (rowid * 7919) % 2400
WHERE source <> 'tomba' AND event IS NOT NULL
    AND accepted_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 60000
    AND (source <> 'scoreapp' OR abs(accepted_at - CAST(unixepoch('subsec') * 1000 AS INTEGER) + 14400000) > 7200000);
UPDATE leadhook_inbox SET due_at = accepted_at, retry_until = accepted_at + 200000000;

-- The outage: most gave up after two hours, one in nine has an address that the CRM does not take.
UPDATE leadhook_inbox SET state = 'dead', attempts = CASE WHEN rowid % 9 = 0 THEN 1 ELSE 9 END,
    settled_at = accepted_at + CASE WHEN rowid % 9 = 0 THEN 400 ELSE 7200000 END,
    reason = CASE WHEN rowid % 9 = 0 THEN 'rejected' ELSE 'failed' END,
    error = CASE WHEN rowid % 9 = 0 THEN 'invalid address' WHEN rowid % 4 = 0 THEN 'crm: 503' ELSE 'crm: timeout' END
WHERE source = 'scoreapp' AND state = 'waiting' AND rowid % 5 > 0;
UPDATE leadhook_inbox SET attempts = 8, error = 'crm: timeout', first_failed_at = accepted_at + 10000,
    due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 600000 + (rowid * 7919) % 3000000
WHERE source = 'scoreapp' AND state = 'waiting';
UPDATE leadhook_inbox SET state = 'dead', attempts = 1, settled_at = accepted_at + 60, reason = 'unreadable',
    error = 'truncated at 68'
WHERE event IS NULL;

-- One event that crashes the process, and one that came five more times.
UPDATE leadhook_inbox SET state = 'dead', attempts = 3, abandoned = 3, reason = 'abandoned', error = NULL,
    settled_at = accepted_at + 95000
WHERE key = (SELECT key FROM leadhook_inbox WHERE source = 'graphoid' ORDER BY rowid LIMIT 1 OFFSET 60);
INSERT INTO leadhook_inbox_duplicate (key, duplicates)
SELECT key, 5 FROM leadhook_inbox WHERE state = 'dead' ORDER BY key LIMIT 1;

-- Some of what the paused source has.
UPDATE leadhook_inbox SET state = 'waiting', attempts = 0, settled_at = NULL
WHERE source = 'grader' AND accepted_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) - 3600000;
