UPDATE leadhook_inbox SET tries = tries WHERE FALSE
