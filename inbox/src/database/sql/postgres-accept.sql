-- Returns the keys that are new, and a row without a key if the commit will be durable.
WITH durable AS MATERIALIZED (
    -- The settings hold until the end of the transaction, its commit included.
    SELECT set_config('synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS level,
        set_config('lock_timeout', '1s', true) AS lock_timeout
    WHERE $15 OR current_setting('fsync') = 'on'
), delivery AS MATERIALIZED (
    SELECT * FROM unnest(CAST($1 AS TEXT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]),
        CAST($5 AS BIGINT[]), CAST($6 AS TEXT[]), CAST($7 AS TEXT[]), CAST($8 AS BIGINT[]), CAST($9 AS BIGINT[]),
        CAST($10 AS BIGINT[]), CAST($11 AS BIGINT[]), CAST($12 AS BYTEA[]), CAST($13 AS TEXT[]), CAST($14 AS BIGINT[]),
        CAST($16 AS BIGINT[]), CAST($17 AS TEXT[]))
        AS delivery (key, source, provider, scope, matched_secret, event, lead_id, subject_1, subject_2, subject_3, subject_4,
        body, body_cipher, retry_window, ordered, trace_context)
    WHERE EXISTS (SELECT FROM durable WHERE level IS NOT NULL AND lock_timeout IS NOT NULL)
), locked AS MATERIALIZED (
    -- Before any row and any position, so that positions become visible in their order.
    {lock_lines (
        SELECT subject AS value FROM delivery, unnest(ARRAY[subject_1, subject_2, subject_3, subject_4]) AS subject
        WHERE ordered = 1 AND subject IS NOT NULL
    )}
), new AS (
    INSERT INTO leadhook_inbox
        (key, source, provider, scope, matched_secret, event, lead_id, subject_1, subject_2, subject_3, subject_4, body,
        body_cipher, accepted_at, retry_until, ordered, due_at, trace_context)
    SELECT key, source, provider, scope, matched_secret, event, lead_id, subject_1, subject_2, subject_3, subject_4, body,
        body_cipher, {now}, {now} + retry_window, ordered, {now}, trace_context
    FROM delivery
    WHERE (SELECT locks FROM locked) IS NOT NULL
    ON CONFLICT (key) DO NOTHING
    RETURNING key, arrival, subject_1, subject_2, subject_3, subject_4, ordered
), joined AS (
    INSERT INTO leadhook_inbox_line (subject, key)
    SELECT subject, key FROM new, unnest(ARRAY[subject_1, subject_2, subject_3, subject_4]) AS subject
    WHERE ordered = 1 AND subject IS NOT NULL
    ORDER BY arrival
)
SELECT key FROM new UNION ALL SELECT NULL FROM durable WHERE level IS NOT NULL AND lock_timeout IS NOT NULL
