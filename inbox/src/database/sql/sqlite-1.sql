-- The states of a row, and what changes them:
--
--   accept            → waiting
--   waiting, claimed  → waiting (failed, snoozed, released, abandoned), done, or dead
--   done, dead        → waiting (replay)
--   waiting           → dead (erase)
--
-- A row is in progress while it has a token. Every change that a worker makes is conditional on that token.
CREATE TABLE leadhook_inbox (
    arrival         INTEGER PRIMARY KEY,       -- grows with each row
    key             TEXT NOT NULL UNIQUE,      -- the same for duplicates, in hex; made of the source and the event
    source          TEXT NOT NULL,             -- the name of the source that accepted the delivery
    provider        TEXT NOT NULL,             -- the provider of that source
    scope           TEXT,                      -- the scope of the receiver
    matched_secret  INTEGER,                   -- 0: the current secret matched, 1: the first previous one, and so on
    event           TEXT,                      -- the event's name; NULL if the body can't be read
    lead_id         TEXT,                      -- the provider's id of the lead; NULL once erased
    subject_1       INTEGER,                   -- whom the event is about, as 64 bits of an HMAC; NULL once erased
    subject_2       INTEGER,
    subject_3       INTEGER,
    subject_4       INTEGER,
    body            BLOB,                      -- as received; NULL once erased or pruned
    body_cipher     TEXT,                      -- the name of the key that encrypted the body; NULL for a clear body
    trace_context   TEXT,                      -- the request's `traceparent`; NULL if it had no valid one
    accepted_at     INTEGER NOT NULL,          -- milliseconds since 1970 by the database's clock, like all times
    retry_until     INTEGER NOT NULL,          -- until then the provider may send the delivery again
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    reason          TEXT CHECK (reason IN ('failed', 'rejected', 'abandoned', 'unreadable', 'erased')),
    ordered         INTEGER NOT NULL DEFAULT 0, -- 1: not beside another ordered event of one of its subjects
    parked          INTEGER NOT NULL DEFAULT 0, -- 1: another one is ahead of it in a line
    due_at          INTEGER NOT NULL,          -- no worker claims the row earlier
    process         TEXT,                      -- the process that has the row
    token           TEXT,                      -- the token of the attempt in progress; NULL: none
    settled_token   TEXT,                      -- the token of the last attempt whose result was recorded
    attempts        INTEGER NOT NULL DEFAULT 0, -- without those that were released or snoozed
    abandoned       INTEGER NOT NULL DEFAULT 0, -- attempts whose process was gone, since the last recorded result
    first_failed_at INTEGER,                   -- the first failure since the row was accepted or replayed
    error           TEXT,                      -- the label of the last failure; nothing of the body
    settled_at      INTEGER,                   -- when the row became done or dead

    -- Whoever changes rows by hand can't put the workers into a state that they don't know.
    CHECK (length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'),
    CHECK ((token IS NULL) = (process IS NULL)),
    CHECK (token IS NULL OR state = 'waiting'),
    CHECK ((state = 'waiting') = (settled_at IS NULL)),
    CHECK (state = 'dead' OR reason IS NULL),
    CHECK (parked = 0 OR (ordered = 1 AND state = 'waiting' AND token IS NULL))
) STRICT;
CREATE INDEX leadhook_inbox_due ON leadhook_inbox (source, due_at) WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0;
CREATE INDEX leadhook_inbox_suspect ON leadhook_inbox (source, due_at) WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0;
CREATE INDEX leadhook_inbox_parked ON leadhook_inbox (source, due_at) WHERE state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1;
CREATE INDEX leadhook_inbox_claimed ON leadhook_inbox (process) WHERE token IS NOT NULL;
CREATE INDEX leadhook_inbox_done ON leadhook_inbox (source, settled_at) WHERE state = 'done';
CREATE INDEX leadhook_inbox_done_body ON leadhook_inbox (settled_at) WHERE state = 'done' AND body IS NOT NULL;
CREATE INDEX leadhook_inbox_dead ON leadhook_inbox (source, error, settled_at) WHERE state = 'dead';
CREATE INDEX leadhook_inbox_subject_1 ON leadhook_inbox (subject_1) WHERE subject_1 IS NOT NULL;
CREATE INDEX leadhook_inbox_subject_2 ON leadhook_inbox (subject_2) WHERE subject_2 IS NOT NULL;
CREATE INDEX leadhook_inbox_subject_3 ON leadhook_inbox (subject_3) WHERE subject_3 IS NOT NULL;
CREATE INDEX leadhook_inbox_subject_4 ON leadhook_inbox (subject_4) WHERE subject_4 IS NOT NULL;

-- The ordered events that are not settled, once for each subject. An event waits for those with the same subject
-- and a lower position.
CREATE TABLE leadhook_inbox_line (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    subject  INTEGER NOT NULL,
    key      TEXT NOT NULL
) STRICT;
CREATE INDEX leadhook_inbox_line_subject ON leadhook_inbox_line (subject, position);
CREATE INDEX leadhook_inbox_line_key ON leadhook_inbox_line (key);

-- The deliveries after the first, counted without waiting for the row.
CREATE TABLE leadhook_inbox_duplicate (key TEXT NOT NULL PRIMARY KEY, duplicates INTEGER NOT NULL) STRICT;

-- One row for each running set of workers. Its rows are free once this row is gone.
CREATE TABLE leadhook_inbox_process (
    id    TEXT NOT NULL PRIMARY KEY,
    lease INTEGER NOT NULL,          -- milliseconds
    beat  INTEGER NOT NULL DEFAULT 0 -- grows several times in a lease
) STRICT;

-- The keys under which subjects are stored. Only the key of the database itself is kept here.
CREATE TABLE leadhook_inbox_subject_key (
    id          TEXT NOT NULL PRIMARY KEY,
    secret      TEXT,
    check_value INTEGER -- tells another key of the same id apart
) STRICT;
INSERT INTO leadhook_inbox_subject_key (id, secret) VALUES ('database', hex(randomblob(32)));

-- The sources that store no subjects, or did not at some time.
CREATE TABLE leadhook_inbox_without_subjects (source TEXT NOT NULL PRIMARY KEY) STRICT;

-- The sources whose rows no worker claims, and since when.
CREATE TABLE leadhook_inbox_paused (source TEXT NOT NULL PRIMARY KEY, since INTEGER NOT NULL) STRICT;

-- One row. `works_from`: the oldest schema version whose library can use these tables.
CREATE TABLE leadhook_inbox_meta (version INTEGER NOT NULL, works_from INTEGER NOT NULL) STRICT;
INSERT INTO leadhook_inbox_meta (version, works_from) VALUES (1, 1);
