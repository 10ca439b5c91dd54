UPDATE leadhook_inbox_process SET beat = beat + 1 WHERE id = $1
