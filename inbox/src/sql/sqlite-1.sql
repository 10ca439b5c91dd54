CREATE TABLE leadhook_inbox (
    key             TEXT NOT NULL PRIMARY KEY, -- what duplicates have in common, in hex
    source          TEXT NOT NULL,             -- the name that accept() was given
    body            BLOB,                      -- as received; NULL once erased or pruned
    body_cipher     TEXT,                      -- the key that encrypted the body; NULL for a clear body
    received_at     INTEGER NOT NULL,          -- milliseconds since 1970 by the database's clock, as all times
    retry_until     INTEGER NOT NULL,          -- until then the provider may send it again
    duplicates      INTEGER NOT NULL DEFAULT 0, -- deliveries after the first
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    reason          TEXT CHECK (reason IN ('failed', 'rejected', 'abandoned', 'unreadable', 'erased')),
    due_at          INTEGER NOT NULL,          -- no worker claims the row earlier
    lease           TEXT,                      -- the token of the worker that has the row; NULL: free
    lease_until     INTEGER,                   -- after that the worker counts as gone
    tries           INTEGER NOT NULL DEFAULT 0, -- claims, without those that a shutdown released
    abandoned       INTEGER NOT NULL DEFAULT 0, -- claims whose worker was gone before it settled the row
    first_failed_at INTEGER,                   -- the first failure since it was accepted or replayed
    error           TEXT,                      -- of the last try: a label, nothing of the body
    settled_at      INTEGER,                   -- when the row became done or dead

    -- What changes rows by hand can't put the workers into a state that they don't know.
    CHECK (length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'),
    CHECK ((lease IS NULL) = (lease_until IS NULL)),
    CHECK (lease IS NULL OR state = 'waiting'),
    CHECK ((state = 'waiting') = (settled_at IS NULL)),
    CHECK (state = 'dead' OR reason IS NULL)
) STRICT;
CREATE INDEX leadhook_inbox_due ON leadhook_inbox (source, due_at) WHERE state = 'waiting' AND lease IS NULL AND abandoned = 0;
CREATE INDEX leadhook_inbox_suspect ON leadhook_inbox (source, due_at) WHERE state = 'waiting' AND lease IS NULL AND abandoned > 0;
CREATE INDEX leadhook_inbox_leased ON leadhook_inbox (lease_until) WHERE lease IS NOT NULL;
CREATE INDEX leadhook_inbox_done ON leadhook_inbox (settled_at) WHERE state = 'done';
CREATE INDEX leadhook_inbox_done_body ON leadhook_inbox (settled_at) WHERE state = 'done' AND body IS NOT NULL;
CREATE INDEX leadhook_inbox_dead ON leadhook_inbox (source, settled_at) WHERE state = 'dead';

-- One row. `works_from`: the oldest schema version whose library can use these tables.
CREATE TABLE leadhook_inbox_meta (version INTEGER NOT NULL, works_from INTEGER NOT NULL) STRICT;
INSERT INTO leadhook_inbox_meta (version, works_from) VALUES (1, 1);
