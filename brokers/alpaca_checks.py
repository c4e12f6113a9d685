"""What an account at Alpaca can do for the strategy, and whether the way to it is sound."""

from collections.abc import Callable
from datetime import date, datetime, time
from functools import cache

from brokers import alpaca_pages as pages
from brokers.alpaca_link import AlpacaLink
from brokers.alpaca_margin import margin_of_a_spread
from brokers.alpaca_reply import Row, by_symbol, moment, number, rows, text, whole
from src.models import Session
from src.ports import Check, Clock, MendInput, RetryLater, StopTrading, Verdict
from src.words import ended

LAST_ORDER = time(15, 15)
"""New York time: the earliest of the published cut-offs for what expires today."""
_SKEW_WARN = 2.0
_SKEW_FAIL = 30.0
"""Seconds between the server's clock and ours: quotes may be old by five."""
_ELSEWHERE = (
    "Set broker.execution to embedded, to trade Alpaca's quotes on the exchange inside this"
    " program, or broker.name to ibkr."
)


def capabilities(link: AlpacaLink, account: Row, session: Session, feed: str) -> tuple[Check, ...]:
    """Return what the account can do for the strategy. Raises RetryLater."""
    return (
        _account(account),
        _level(account),
        _uncovered(),
        _index_options(link, session),
        _margin(link, account),
        _entitlement(link, feed),
        _last_order(session),
    )


def diagnose_market(
    link: AlpacaLink,
    session: Session,
    clock: Clock,
    *,
    stamp: Callable[[datetime], datetime],
    feed: str,
) -> tuple[Check, ...]:
    """Return what the doctor finds on the way to Alpaca's quotes; a row that fails stands alone."""
    read_account = cache(lambda: _read_account(link))
    looks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("keys", lambda: _keys(link, read_account())),
        ("account", lambda: _account(read_account())),
        ("market data", lambda: market_data(link, feed)),
        ("today's contracts", lambda: _todays_contracts(link, session, feed)),
        ("clock", lambda: _if_asked("clock", lambda: _clock(link, clock, stamp))),
        ("calendar", lambda: _if_asked("calendar", lambda: _calendar(link, session))),
    )
    return tuple(alone(name, look) for name, look in looks)


def _if_asked(name: str, look: Callable[[], Check]) -> Check:
    """Return what a look finds, a WARN where it cannot be done: nothing is traded by it."""
    try:
        return look()
    except RetryLater as error:
        return Check(name, Verdict.WARN, f"not compared with Alpaca's ({error}).")


def diagnose_account(link: AlpacaLink, session: Session) -> tuple[Check, ...]:
    """Return what the doctor finds in an account that trades; a row that fails stands alone."""
    read_account = cache(lambda: _read_account(link))
    looks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("options level", lambda: _level(read_account())),
        ("uncovered calls", _uncovered),
        ("index options", lambda: _index_options(link, session)),
        ("margin", lambda: _margin(link, read_account())),
        ("last order today", lambda: _last_order(session)),
    )
    return tuple(alone(name, look) for name, look in looks)


def alone(name: str, look: Callable[[], Check]) -> Check:
    """Return what a look finds; one that cannot be done is a FAIL of that name."""
    try:
        return look()
    except (RetryLater, MendInput, StopTrading) as error:
        return Check(name, Verdict.FAIL, ended(str(error)))


def _read_account(link: AlpacaLink) -> Row:
    row = link.trading("/account", what="the account")
    if not isinstance(row, dict):
        raise RetryLater("Alpaca's answer to the account cannot be read")
    return row


def _keys(link: AlpacaLink, account: Row) -> Check:
    kind = "paper" if link.paper else "live"
    number_ = text(account, "account_number") or text(account, "id")
    return Check("keys", Verdict.OK, f"accepted for the {kind} account {number_}.")


def _account(account: Row) -> Check:
    status = text(account, "status").upper()
    flags = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
    blocked = [flag for flag in flags if account.get(flag) is True]
    if status not in {"", "ACTIVE"} or blocked:
        found = ", ".join([status.lower() or "no status", *blocked])
        mend = "Ask Alpaca, or lift the block in the dashboard."
        return Check("account", Verdict.FAIL, f"it may not trade ({found}).", mend)
    return Check("account", Verdict.OK, "active.")


def _level(account: Row) -> Check:
    told = account.get("options_trading_level", account.get("options_approved_level"))
    if number(told) is None:
        return Check("options level", Verdict.WARN, "the account does not tell its level.")
    level = whole(told)
    if level < 2:
        mend = "Apply for options level 3, or raise max_options_trading_level in the dashboard."
        found = f"{level}; buying the SPXW call needs 2."
        return Check("options level", Verdict.FAIL, found, mend)
    return Check("options level", Verdict.OK, f"{level}.")


def _uncovered() -> Check:
    found = (
        "Alpaca takes no uncovered short call at any level. The ten SPY calls count as uncovered,"
        " because the SPXW call covers nothing in SPY: the order would be refused with"
        " 403/40310000."
    )
    return Check("uncovered calls", Verdict.FAIL, found, _ELSEWHERE)


def _index_options(link: AlpacaLink, session: Session) -> Check:
    listed = pages.contracts(link, "SPX", "SPXW", session.day)
    if not listed:
        mend = "Ask Alpaca to enable index options, or see whether today is an expiry."
        found = f"no SPXW contract that expires on {session.day} is listed."
        return Check("index options", Verdict.FAIL, found, mend)
    found = f"{len(listed)} SPXW contracts expire on {session.day}."
    return Check("index options", Verdict.OK, found)


def _margin(link: AlpacaLink, account: Row) -> Check:
    free = number(account.get("options_buying_power"))
    answer = link.stocks("/stocks/trades/latest", {"symbols": "SPY"}, what="the SPY price")
    spy = number((by_symbol(answer, "trades") or {}).get("SPY", {}).get("p"))
    if free is None or spy is None:
        return Check("margin", Verdict.WARN, "buying power or the SPY price is not known.")
    needed = margin_of_a_spread(spy)
    found = (
        f"ten uncovered SPY calls may need {needed:.0f} dollars by Regulation T,"
        f" {free:.0f} are free."
    )
    if needed > free:
        return Check("margin", Verdict.FAIL, found, "Pay in more, or see uncovered calls.")
    return Check("margin", Verdict.OK, found)


def market_data(link: AlpacaLink, feed: str) -> Check:
    """Return whether the feed is delivered. Raises RetryLater, MendInput without a right to it."""
    params: dict[str, str | int | float] = {"feed": feed, "limit": 1}
    link.options("/options/snapshots/SPY", params, what=f"{feed} option quotes")
    if feed != "opra":
        mend = "Subscribe to OPRA and set broker.alpaca.feed to opra."
        found = f"the {feed} feed is derived, not the market: good for a paper day only."
        verdict = Verdict.WARN if link.paper else Verdict.FAIL
        return Check("market data", verdict, found, mend)
    return Check("market data", Verdict.OK, "OPRA quotes are delivered.")


def _todays_contracts(link: AlpacaLink, session: Session, feed: str) -> Check:
    """Return whether the day is an expiry of both; a contract without a quote yet counts, too."""
    day = session.day
    missing = [
        root
        for root, underlying in (("SPY", "SPY"), ("SPXW", "SPX"))
        if not _is_quoted(link, underlying, root, day, feed)
        and not pages.contracts(link, underlying, root, day)
    ]
    if missing:
        found = f"Alpaca lists no {' and no '.join(missing)} option that expires on {day}."
        mend = "Only a day that is an expiry of both can be traded."
        return Check("today's contracts", Verdict.FAIL, found, mend)
    return Check("today's contracts", Verdict.OK, f"SPY and SPXW options expire on {day}.")


def _is_quoted(link: AlpacaLink, underlying: str, root: str, day: date, feed: str) -> bool:
    params: dict[str, str | int | float] = {
        "feed": feed,
        "root_symbol": root,
        "expiration_date": day.isoformat(),
        "limit": 1,
    }
    path = f"/options/snapshots/{underlying}"
    answer = link.options(path, params, what=f"the {root} options of {day}")
    return bool(by_symbol(answer, "snapshots"))


def _entitlement(link: AlpacaLink, feed: str) -> Check:
    try:
        return market_data(link, feed)
    except MendInput as error:
        return Check("market data", Verdict.FAIL, str(error))


def _last_order(session: Session) -> Check:
    at = session.at(LAST_ORDER)
    found = f"Alpaca may take no order on what expires today from {at:%H:%M} New York time."
    verdict = Verdict.WARN if session.is_half_day else Verdict.OK
    mend = "Its times for half days are not published." if session.is_half_day else ""
    return Check("last order today", verdict, found, mend)


def _clock(link: AlpacaLink, clock: Clock, stamp: Callable[[datetime], datetime]) -> Check:
    before = clock.now()
    row = link.trading("/clock", what="the clock")
    said = moment(row.get("timestamp")) if isinstance(row, dict) else None
    if said is None:
        raise RetryLater("Alpaca's answer to the clock cannot be read")
    after, there = clock.now(), stamp(said)
    # Between the question and the answer any time is right.
    skew = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    found = f"{skew:.1f} s apart from Alpaca's."
    mend = "Let this machine set its clock from the network."
    if skew > _SKEW_FAIL:
        return Check("clock", Verdict.FAIL, found, mend)
    if skew > _SKEW_WARN:
        return Check("clock", Verdict.WARN, found, mend)
    return Check("clock", Verdict.OK, found)


def _calendar(link: AlpacaLink, session: Session) -> Check:
    day = session.day.isoformat()
    every = rows(link.trading("/calendar", {"start": day, "end": day}, what="the calendar"))
    if every is None:
        raise RetryLater("Alpaca's answer to the calendar cannot be read")
    told = next((row for row in every if text(row, "date")[:10] == day), None)
    if told is None:
        return Check("calendar", Verdict.FAIL, f"Alpaca has no session on {day}.", "Do not trade.")
    ours = f"{session.open:%H:%M} to {session.close:%H:%M}"
    theirs = f"{text(told, 'open')[:5]} to {text(told, 'close')[:5]}"
    if ours != theirs:
        found = f"Alpaca trades from {theirs} on {day}, our calendar says {ours}."
        return Check("calendar", Verdict.FAIL, found, "Update pandas_market_calendars.")
    return Check("calendar", Verdict.OK, f"both say {ours}.")
