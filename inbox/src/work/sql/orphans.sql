-- The processes that have rows and no row of their own: they are gone, and the row was locked when they were
-- judged, or somebody has deleted the process by hand.
SELECT DISTINCT process FROM leadhook_inbox
WHERE token IS NOT NULL AND process NOT IN (SELECT id FROM leadhook_inbox_process)
