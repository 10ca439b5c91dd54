-- Whoever is first in one of its lines may be first in all of them, which its claim finds out. To look at all of
-- them here would be wrong: two transactions that each free one of them do not see each other. The sweep can, since
-- it comes again.
UPDATE leadhook_inbox SET parked = 0
WHERE key IN (
    SELECT key FROM leadhook_inbox AS first
    WHERE parked = 1 AND {which} AND key IN (
        SELECT (SELECT key FROM leadhook_inbox_line WHERE subject = CAST(value AS BIGINT) ORDER BY position LIMIT 1)
        FROM {list $1} AS value
    )
    ORDER BY key {skip_locked}
)
