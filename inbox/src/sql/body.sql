SELECT source, body, body_cipher FROM leadhook_inbox WHERE key = $1
