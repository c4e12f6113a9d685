-- Messages with a level and perhaps a page, and how each of them fared with each channel.
-- A message may be about a day that was never begun, so its session need not be in `sessions`.

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY,
    session       TEXT NOT NULL,                  -- YYYY-MM-DD
    at            TEXT NOT NULL,
    key           TEXT NOT NULL,                  -- the same key in one session is the same message
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    delivered_at  TEXT,                           -- when the first channel took it
    level         TEXT NOT NULL,                  -- see ports.Level
    html          TEXT NOT NULL DEFAULT '',       -- a page for e-mail, empty where there is none
    plain         TEXT NOT NULL DEFAULT '',       -- the same page as plain text
    UNIQUE (session, key)
) STRICT;
INSERT INTO messages
    SELECT id, session, at, key,
           replace(replace(title, 'optionsarbitrage ALERT: ', ''), 'optionsarbitrage: ', ''),
           text, delivered_at,
           CASE WHEN key LIKE 'opened %' THEN 'trade entered'
                WHEN key LIKE 'closed %' THEN 'trade exited'
                WHEN key = 'result' THEN 'daily summary'
                ELSE 'warning' END,
           '', ''
    FROM notifications;
DROP TABLE notifications;
ALTER TABLE messages RENAME TO notifications;

CREATE TABLE deliveries (
    -- Written when a message is first seen by who sends it: one row for each channel it is meant for.
    notification  INTEGER NOT NULL REFERENCES notifications ON DELETE CASCADE,
    channel       TEXT NOT NULL,                  -- email, sms, slack_webhook, other 1, ...
    tries         INTEGER NOT NULL DEFAULT 0,     -- that failed
    last_error    TEXT NOT NULL DEFAULT '',       -- in words, without any address
    started_at    TEXT,                           -- of the try under way, or of one in doubt
    next_try_at   TEXT NOT NULL,                  -- by the machine's clock, as all times of this table
    delivered_at  TEXT,
    PRIMARY KEY (notification, channel)
) STRICT;
