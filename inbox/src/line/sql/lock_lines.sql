-- Until the end of this transaction, nobody joins the lines in which these events are, or will be.
{lock_lines (
    SELECT subject_1 AS value FROM leadhook_inbox WHERE key {in $1} AND ordered = 1 AND subject_1 IS NOT NULL
    UNION ALL SELECT subject_2 FROM leadhook_inbox WHERE key {in $1} AND ordered = 1 AND subject_2 IS NOT NULL
    UNION ALL SELECT subject_3 FROM leadhook_inbox WHERE key {in $1} AND ordered = 1 AND subject_3 IS NOT NULL
    UNION ALL SELECT subject_4 FROM leadhook_inbox WHERE key {in $1} AND ordered = 1 AND subject_4 IS NOT NULL
)}
