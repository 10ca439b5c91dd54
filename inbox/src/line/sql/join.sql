-- At the end of their lines, which are locked.
INSERT INTO leadhook_inbox_line (subject, key)
SELECT subject, key FROM (
    SELECT subject_1 AS subject, key, arrival FROM leadhook_inbox WHERE key {in $1} AND ordered = 1
    UNION ALL SELECT subject_2, key, arrival FROM leadhook_inbox WHERE key {in $1} AND ordered = 1
    UNION ALL SELECT subject_3, key, arrival FROM leadhook_inbox WHERE key {in $1} AND ordered = 1
    UNION ALL SELECT subject_4, key, arrival FROM leadhook_inbox WHERE key {in $1} AND ordered = 1
) AS joining
WHERE subject IS NOT NULL
ORDER BY arrival, subject
