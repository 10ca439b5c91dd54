-- One process at a time: CREATE … IF NOT EXISTS alone fails where two create at once.
SELECT pg_advisory_xact_lock(7308604895);

CREATE TABLE IF NOT EXISTS inbox (
    key         TEXT PRIMARY KEY, -- Delivery::key() in hex: a repeat has the same
    source      TEXT NOT NULL,    -- the route below /webhooks/
    body        BYTEA NOT NULL,   -- the bytes as they were received
    received_at BIGINT NOT NULL,  -- milliseconds since 1970, as the other times
    state       TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'unreadable')),
    due_at      BIGINT NOT NULL,  -- when a worker may take it: now, after a lease, or for the next try
    tries       BIGINT NOT NULL DEFAULT 0,
    error       TEXT              -- of the last try
);
CREATE INDEX IF NOT EXISTS inbox_due ON inbox (due_at) WHERE state = 'waiting';

-- What was worked. `key` is not unique here, so that the tests could see it twice.
CREATE TABLE IF NOT EXISTS worked (
    key       TEXT NOT NULL REFERENCES inbox (key),
    worked_at BIGINT NOT NULL,
    line      TEXT NOT NULL
);
