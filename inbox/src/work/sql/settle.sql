-- The whole of an attempt's end: see the states of a row in the schema. A row that somebody else has locked is
-- passed over, and so is one whose attempt is no longer this one.
WITH mine AS MATERIALIZED (
    SELECT i.key AS my_key, r.ending, r.error AS label, r.delay,
        r.ending = 'failed' AND {now} - COALESCE(i.first_failed_at, {now}) >= r.give_up AS is_given_up
    FROM leadhook_inbox AS i JOIN {results} ON r.key = i.key AND r.token = i.token
    ORDER BY i.key {skip_locked_of_row}
)
UPDATE leadhook_inbox
SET settled_token = token,
    token = NULL,
    process = NULL,
    abandoned = 0,
    error = label,
    attempts = attempts - CASE WHEN ending = 'snoozed' THEN 1 ELSE 0 END,
    first_failed_at = CASE WHEN ending = 'failed' THEN COALESCE(first_failed_at, {now}) ELSE first_failed_at END,
    due_at = CASE WHEN ending IN ('failed', 'snoozed') THEN {now} + delay ELSE due_at END,
    state = CASE
        WHEN ending = 'done' THEN 'done'
        WHEN ending IN ('rejected', 'unreadable') OR is_given_up THEN 'dead'
        ELSE 'waiting' END,
    reason = CASE WHEN ending IN ('rejected', 'unreadable') OR is_given_up THEN ending END,
    settled_at = CASE WHEN ending IN ('done', 'rejected', 'unreadable') OR is_given_up THEN {now} END
FROM mine
WHERE key = my_key
RETURNING key, settled_token, state
