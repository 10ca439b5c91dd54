INSERT INTO leadhook_inbox_duplicate AS counted (key, duplicates)
SELECT value, count(*) FROM {list $1} AS value WHERE TRUE GROUP BY value ORDER BY value
ON CONFLICT (key) DO UPDATE SET duplicates = counted.duplicates + excluded.duplicates
