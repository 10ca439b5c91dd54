CREATE TABLE IF NOT EXISTS inbox (
    key         TEXT PRIMARY KEY, -- Delivery::key() in hex: a repeat has the same
    source      TEXT NOT NULL,    -- the route below /webhooks/
    body        BLOB NOT NULL,    -- the bytes as they were received
    received_at INTEGER NOT NULL, -- milliseconds since 1970, as the other times
    state       TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'unreadable')),
    due_at      INTEGER NOT NULL, -- when a worker may take it: now, after a lease, or for the next try
    tries       INTEGER NOT NULL DEFAULT 0,
    error       TEXT              -- of the last try
);
CREATE INDEX IF NOT EXISTS inbox_due ON inbox (due_at) WHERE state = 'waiting';

-- What was worked. `key` is not unique here, so that the tests could see it twice.
CREATE TABLE IF NOT EXISTS worked (
    key       TEXT NOT NULL REFERENCES inbox (key),
    worked_at INTEGER NOT NULL,
    line      TEXT NOT NULL
);
