SELECT age FROM (
    SELECT settled_at - accepted_at AS age FROM leadhook_inbox
    WHERE state = 'done' AND source = $1 ORDER BY settled_at DESC LIMIT 1000
) AS latest
ORDER BY age
