-- Some lines, and who is first in each. A line costs as much as a row, however many wait in it.
WITH RECURSIVE line AS (
    SELECT MIN(subject) AS subject FROM leadhook_inbox_line WHERE subject > $1
    UNION ALL
    SELECT (SELECT MIN(next.subject) FROM leadhook_inbox_line AS next WHERE next.subject > line.subject)
    FROM line WHERE line.subject IS NOT NULL
)
SELECT subject, CAST(subject AS TEXT) AS name, (
    SELECT key FROM leadhook_inbox_line AS first WHERE first.subject = line.subject ORDER BY position LIMIT 1
) AS key
FROM line WHERE subject IS NOT NULL
LIMIT $2
