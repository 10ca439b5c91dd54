SELECT key, token, settled_token, state FROM leadhook_inbox WHERE key {in $1}
