-- The processes that have rows and no row of their own, because somebody deleted it by hand.
SELECT DISTINCT process FROM leadhook_inbox
WHERE token IS NOT NULL AND process NOT IN (SELECT id FROM leadhook_inbox_process)
