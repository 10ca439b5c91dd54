NOT EXISTS (
        SELECT 1 FROM leadhook_inbox_line AS own
        JOIN leadhook_inbox_line AS ahead ON ahead.subject = own.subject AND ahead.position < own.position
        WHERE own.key = first.key
    )