"""The part of the daily report on what was traded: result, orders, fills, checks, settlement."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from src.models import Leg, Purpose, Side
from src.report_layout import Alarm, Block, Heading, Paragraph, Table
from src.report_records import DayFacts
from src.slippage import Slip, dollars, slips, total_cents
from src.trade_statistics import Row
from src.words import EXIT_WORDS, cents, clock, count, money, plain

FEW_CHECKS = 12
"""So many checks of a day are all listed; of more, only those that tell something."""
HOLD = "hold"
"""What a check says that found no reason to close."""
NOT_RECORDED = "not recorded"
COMPARED = (
    "An entry is set against the quotes that its decision saw: the ask where it bought, the bid "
    "where it sold. No quotes are recorded at an exit: it is set against the limit of its first "
    "order, which was the ask or the bid of that moment on the grid of prices. Fees are not in it."
)


def result_blocks(day: DayFacts) -> Iterable[Block]:
    """Return each trade's credit, cost and result."""
    for trade in day.trades:
        yield Paragraph(f"Trade {trade['trade_id']}, {_equation(trade)}")
    if len(day.trades) > 1 and all(trade["final_pnl"] is not None for trade in day.trades):
        yield Paragraph(f"All trades together: {money(total(day))}.")


def _equation(trade: Row) -> str:
    spreads = count(trade["spreads"], "spread")
    fees = f"fees of {plain(trade['fees'])}"
    if trade["final_pnl"] is None:
        return (
            f"{spreads}: entry credit {plain(trade['entry_credit'])}, {fees} so far; "
            "the exit cost is unknown while contracts are held."
        )
    return (
        f"{spreads}: entry credit {plain(trade['entry_credit'])} - exit cost "
        f"{plain(trade['exit_cost'])} = result {money(trade['final_pnl'])}; "
        f"{fees} are included."
    )


def why_closed_blocks(day: DayFacts) -> Iterable[Block]:
    """Return why each trade ended, with the numbers of the signal."""
    if not day.trades:
        return
    yield Heading("Why it ended")
    for trade in day.trades:
        reason = trade["exit_reason"]
        if reason is None:
            yield Paragraph(f"Trade {trade['trade_id']}: no exit was recorded.")
            continue
        words = EXIT_WORDS.get(reason, "no further words were recorded")
        yield Paragraph(
            f"Trade {trade['trade_id']} at {clock(trade['exit_time'])}: {reason}, {words}."
        )
        seen = [each["text"] for each in _checks_of(day, trade) if each["signal"] == reason]
        if seen and seen[-1]:
            yield Paragraph(f"The signal: {seen[-1]}")


def orders_blocks(day: DayFacts) -> Iterable[Block]:
    """Return every order that was sent, with the broker's words."""
    yield Heading("Orders")
    if not day.orders:
        yield Paragraph("None was sent.")
        return
    yield Table(
        ("time", "order", "what", "limit", "state"),
        [
            (
                clock(order["created_at"]),
                _short_id(order["client_order_id"], day.session),
                f"{order['side']} {order['quantity']} {order['symbol']}",
                cents(order["limit_cents"]),
                f"{order['state']}: {order['note']}" if order["note"] else order["state"],
            )
            for order in day.orders
        ],
        frozenset({"limit"}),
    )


def fills_blocks(day: DayFacts) -> Iterable[Block]:
    """Return the fills, those of one order at one price as one, and what they cost."""
    if not day.fills:
        return
    known = slips(day.fills, {trade["trade_id"]: trade for trade in day.trades})
    yield Heading("Fills")
    yield Table(
        ("time", "order", "qty", "price", "fee", "cash", "against", "slippage"),
        [
            (
                clock(fill["at"]),
                _short_id(fill["client_order_id"], day.session),
                f"{Side(fill['side']).sign * fill['quantity']:+d}",
                cents(fill["price_cents"]),
                cents(fill["fee_cents"]),
                cents(fill["cash_cents"]),
                "?" if slip.reference is None else cents(slip.reference),
                "?" if slip.cents is None else money(dollars(slip.cents)),
            )
            for fill, slip in zip(day.fills, known, strict=True)
        ],
        frozenset({"qty", "price", "fee", "cash", "against", "slippage"}),
    )
    yield Paragraph(f"Cash is dollars after the fee, positive when received.{_joined(day)}")
    yield Paragraph(f"Slippage: {slippage_words(known)}. {COMPARED}")
    yield from _since_the_signal(day)


def _joined(day: DayFacts) -> str:
    told = sum(fill["fills"] for fill in day.fills)
    if told == len(day.fills):
        return ""
    return f" The broker told of {told} fills; those of one order at one price are one line."


def slippage_words(known: Sequence[Slip]) -> str:
    """Return the slippage of entries, of exits and of both in dollars."""
    parts = []
    for words, purpose in (("entry", Purpose.OPEN), ("exit", Purpose.CLOSE), ("together", None)):
        if any(purpose in {None, each.purpose} for each in known):
            cents_known = total_cents(known, purpose)
            amount = NOT_RECORDED if cents_known is None else money(dollars(cents_known))
            parts.append(f"{words} {amount}")
    missing = sum(1 for each in known if each.cents is None)
    left_out = f" ({count(missing, 'line')} not recorded, marked ?)" if missing else ""
    return f"{', '.join(parts)}, in dollars, negative where it cost{left_out}"


def _since_the_signal(day: DayFacts) -> Iterable[Block]:
    """Compare the result of a closed trade with what the check showed that had it closed."""
    for trade in day.trades:
        seen = [
            check
            for check in _checks_of(day, trade)
            if check["signal"] == trade["exit_reason"] and check["pnl"] is not None
        ]
        if not seen or trade["final_pnl"] is None:
            continue
        # The first: when an exit takes several tries, each has a check of its own.
        before, after = seen[0], trade["final_pnl"]
        yield Paragraph(
            f"Trade {trade['trade_id']}: the check at {clock(before['at'])} that had it closed "
            f"showed {money(before['pnl'])}, the result is {money(after)}: "
            f"{money(after - before['pnl'])} from the one to the other."
        )


def _checks_of(day: DayFacts, trade: Row) -> list[Row]:
    return [
        check for check in day.checks if trade["trade_id"] == f"{day.session}-{check['spread_no']}"
    ]


def checks_blocks(day: DayFacts) -> Iterable[Block]:
    """Return the checks of the position; of many only those that tell something."""
    if not day.checks:
        return
    yield Heading("Checks of the position")
    shown = _telling(day.checks)
    if len(shown) < len(day.checks):
        yield Paragraph(
            f"{len(shown)} of {len(day.checks)} checks: the first of each hour, the lowest and the "
            f'highest P&L, and every one that said more than "{HOLD}".'
        )
    yield Table(
        ("time", "spread", "SPY", "live P&L", "signal", "seen"),
        [
            (
                clock(check["at"]),
                str(check["spread_no"]),
                plain(check["spy_price"]),
                money(check["pnl"]),
                check["signal"] or "none",
                check["text"],
            )
            for check in shown
        ],
        frozenset({"spread", "SPY", "live P&L"}),
    )


def _telling(checks: Sequence[Row]) -> list[Row]:
    if len(checks) <= FEW_CHECKS:
        return list(checks)
    known = [check["pnl"] for check in checks if check["pnl"] is not None]
    extremes = {min(known), max(known)} if known else set()
    hours = set()
    found = []
    for check in checks:
        hour = (check["spread_no"], clock(check["at"])[:2])
        is_news = check["signal"] or check["pnl"] is None or check["text"] != HOLD
        if is_news or hour not in hours or check["pnl"] in extremes:
            found.append(check)
        hours.add(hour)
        extremes.discard(check["pnl"])
    return found


def settlement_blocks(day: DayFacts) -> Iterable[Block]:
    """Return what expiry made of what was held."""
    if not day.settlements:
        return
    yield Heading("Settlement")
    yield Table(
        ("spread", "leg", "contracts", "close", "cash", "SPY shares", "note"),
        [
            (
                str(row["spread_no"]),
                row["leg"],
                f"{row['contracts']:+d}",
                plain(row["close_price"]),
                cents(row["cash_cents"]),
                f"{row['shares']:+,d}" if row["shares"] else "0",
                row["note"],
            )
            for row in day.settlements
        ],
        frozenset({"spread", "contracts", "close", "cash", "SPY shares"}),
    )
    if any(row["leg"] == Leg.SPY and row["shares"] == 0 for row in day.settlements):
        yield Alarm(
            "Short SPY calls that expired out of the money can still be exercised until 17:30. "
            "Look for SPY shares in the account before the next open."
        )


def total(day: DayFacts) -> Decimal:
    """Return the dollars of all trades of a day, each of which has a result."""
    return sum((Decimal(str(trade["final_pnl"])) for trade in day.trades), Decimal(0))


def _short_id(client_order_id: str, session: date) -> str:
    return client_order_id.removeprefix(f"{session}-")
