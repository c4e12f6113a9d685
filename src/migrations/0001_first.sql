-- The ledger (integer cents, append-only) and what is told from it (dollars, for people).
-- Times are ISO 8601 with their New York offset. Cash is positive when received.

CREATE TABLE sessions (
    session     TEXT PRIMARY KEY,                 -- YYYY-MM-DD
    mode        TEXT NOT NULL,                    -- demo, replay, paper, live
    source      TEXT NOT NULL,                    -- where the quotes come from, in words
    run_key     TEXT NOT NULL,                    -- what must be equal for a restart to go on with it
    phase       TEXT NOT NULL,                    -- the furthest phase reached
    started_at  TEXT NOT NULL,
    last_tick   TEXT NOT NULL,
    next_tick   TEXT                              -- when the day asked to be called next; NULL inside a tick
) STRICT;

CREATE TABLE control (
    set_by   TEXT PRIMARY KEY CHECK (set_by IN ('person', 'breaker')),  -- a HALT file needs no row
    mode     INTEGER NOT NULL,                    -- 0 normal, 1 reduce-only, 2 close, 3 halt
    session  TEXT NOT NULL,                       -- the session it is for; '' is the next that runs
    reason   TEXT NOT NULL,
    set_at   TEXT NOT NULL
) STRICT;

CREATE TABLE spreads (
    session          TEXT NOT NULL REFERENCES sessions,
    spread_no        INTEGER NOT NULL,
    spy_strike       REAL NOT NULL,
    spx_strike       REAL NOT NULL,
    wanted           INTEGER NOT NULL CHECK (wanted > 0),
    started_at       TEXT NOT NULL,
    spx_worst_cents  INTEGER NOT NULL,            -- the most to pay for SPXW, per share
    spy_floor_cents  INTEGER NOT NULL,            -- needed from SPY per spread besides 100 x the SPXW price
    stage            TEXT NOT NULL CHECK (stage IN ('entering', 'held', 'exiting', 'closed')),
    PRIMARY KEY (session, spread_no)
) STRICT;

CREATE TABLE orders (
    client_order_id  TEXT PRIMARY KEY,
    session          TEXT NOT NULL REFERENCES sessions,
    spread_no        INTEGER NOT NULL,
    leg              TEXT NOT NULL CHECK (leg IN ('spy', 'spx')),
    purpose          TEXT NOT NULL CHECK (purpose IN ('open', 'close')),
    attempt          INTEGER NOT NULL,
    symbol           TEXT NOT NULL,
    strike           REAL NOT NULL,
    side             TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity         INTEGER NOT NULL CHECK (quantity > 0),
    limit_cents      INTEGER NOT NULL CHECK (limit_cents > 0),
    created_at       TEXT NOT NULL,
    state            TEXT NOT NULL,               -- see journal.OrderStatus
    broker_order_id  TEXT NOT NULL DEFAULT '',
    note             TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX orders_by_session ON orders (session, spread_no);

CREATE TABLE fills (
    fill_id          TEXT PRIMARY KEY,
    client_order_id  TEXT NOT NULL REFERENCES orders,
    quantity         INTEGER NOT NULL CHECK (quantity > 0),
    price_cents      INTEGER NOT NULL,            -- per share
    fee_cents        INTEGER NOT NULL,
    at               TEXT NOT NULL
) STRICT;
CREATE INDEX fills_by_order ON fills (client_order_id);

CREATE TABLE settlements (
    session      TEXT NOT NULL REFERENCES sessions,
    spread_no    INTEGER NOT NULL,
    leg          TEXT NOT NULL CHECK (leg IN ('spy', 'spx')),
    contracts    INTEGER NOT NULL,                -- signed: long positive
    close_price  REAL,                            -- NULL: the broker's own booking was taken, no close is known
    cash_cents   INTEGER NOT NULL,                -- SPXW: paid in cash; SPY: assigned shares valued at the close
    shares       INTEGER NOT NULL,                -- SPY shares that assignment leaves in the account
    note         TEXT NOT NULL,
    at           TEXT NOT NULL,
    PRIMARY KEY (session, spread_no, leg)
) STRICT;

CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    session  TEXT NOT NULL REFERENCES sessions,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    text     TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_session ON events (session, id);

CREATE TABLE decisions (
    id               INTEGER PRIMARY KEY,
    session          TEXT NOT NULL REFERENCES sessions,
    at               TEXT NOT NULL,
    should_trade     INTEGER NOT NULL,
    entry_credit     REAL,                        -- dollars a spread
    expected_profit  REAL,
    strike_gap       REAL,
    data             TEXT NOT NULL                -- EntryDecision.to_dict() as JSON
) STRICT;
CREATE INDEX decisions_by_session ON decisions (session, id);

CREATE TABLE checks (
    id         INTEGER PRIMARY KEY,
    session    TEXT NOT NULL REFERENCES sessions,
    spread_no  INTEGER NOT NULL,
    at         TEXT NOT NULL,
    spy_price  REAL,
    pnl        REAL,                              -- dollars, NULL when it could not be known
    signal     TEXT NOT NULL,                     -- exit reason, or empty
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX checks_by_session ON checks (session, id);

CREATE TABLE overrides (
    id        INTEGER PRIMARY KEY,
    session   TEXT NOT NULL,
    at        TEXT NOT NULL,
    action    TEXT NOT NULL CHECK (action IN ('close')),
    taken_at  TEXT
) STRICT;

CREATE TABLE notifications (
    id            INTEGER PRIMARY KEY,
    session       TEXT NOT NULL REFERENCES sessions,
    at            TEXT NOT NULL,
    key           TEXT NOT NULL,                  -- the same key in one session is the same message
    title         TEXT NOT NULL,
    text          TEXT NOT NULL,
    delivered_at  TEXT,
    UNIQUE (session, key)
) STRICT;

CREATE TABLE trades (
    -- Prices and figures of the decision are NULL where its record was lost.
    trade_id         TEXT PRIMARY KEY,            -- <session>-<spread no>
    date             TEXT NOT NULL,
    spy_price        REAL,
    spx_price        REAL,
    spy_strike       REAL NOT NULL,
    spx_strike       REAL NOT NULL,
    spy_bid          REAL,
    spy_ask          REAL,
    spx_bid          REAL,
    spx_ask          REAL,
    entry_credit     REAL,                        -- dollars received for the whole position, net of fees
    exit_cost        REAL,                        -- dollars paid to end it, net; negative when it paid
    exit_reason      TEXT,
    final_pnl        REAL,                        -- entry_credit - exit_cost; NULL while open
    entry_time       TEXT NOT NULL,
    exit_time        TEXT,
    spreads          INTEGER NOT NULL,
    mode             TEXT NOT NULL,
    ratio            REAL,
    strike_gap       REAL,               -- SPX points
    quoted_credit    REAL,               -- dollars a spread, as decided upon
    expected_profit  REAL,               -- dollars a spread, as decided upon
    fees             REAL,
    assigned_shares  INTEGER NOT NULL DEFAULT 0,  -- SPY shares left in the account; negative when short
    note             TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX trades_by_date ON trades (date);

CREATE TABLE daily_summary (
    date          TEXT PRIMARY KEY,
    trades_count  INTEGER NOT NULL,
    total_pnl     REAL NOT NULL,
    win_rate      REAL,                           -- 0 to 1; NULL without a finished trade
    notes         TEXT NOT NULL,
    mode          TEXT NOT NULL,
    skip_reason   TEXT NOT NULL DEFAULT ''
) STRICT;
