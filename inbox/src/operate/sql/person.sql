SELECT source, COUNT(*) AS of_person, COUNT(body) AS bodies
FROM leadhook_inbox
WHERE {selected}
GROUP BY source
ORDER BY source
