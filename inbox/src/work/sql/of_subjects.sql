WITH mine AS MATERIALIZED (
    SELECT arrival, subject_1, subject_2, subject_3, subject_4 FROM leadhook_inbox WHERE key = $1
), subjects AS MATERIALIZED (
    SELECT subject_1 AS subject FROM mine UNION SELECT subject_2 FROM mine
    UNION SELECT subject_3 FROM mine UNION SELECT subject_4 FROM mine
), other AS (
    -- Each column has an index of its own.
    SELECT key, arrival, state FROM leadhook_inbox WHERE subject_1 IN (SELECT subject FROM subjects)
    UNION
    SELECT key, arrival, state FROM leadhook_inbox WHERE subject_2 IN (SELECT subject FROM subjects)
    UNION
    SELECT key, arrival, state FROM leadhook_inbox WHERE subject_3 IN (SELECT subject FROM subjects)
    UNION
    SELECT key, arrival, state FROM leadhook_inbox WHERE subject_4 IN (SELECT subject FROM subjects)
)
SELECT COUNT(*) AS found FROM other, mine WHERE {which}
