"""The part of the daily report on the decision: which moment, its numbers, what it missed."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from src.dividends import load_dividends
from src.explain import assignment_blocks, credit_blocks
from src.judgement import Valuation
from src.models import MULTIPLIER, ExitReason, TradeSetup
from src.price_words import CONTRADICTION, NOT_BELIEVED, risk_line, volatility_line
from src.report_chart import Bar, Bars
from src.report_layout import Alarm, Block, Heading, Paragraph, Table
from src.report_records import DayFacts
from src.words import UNKNOWN, clock, count, money, plain

Look = Mapping[str, Any]
"""`EntryDecision.to_dict()` of one moment."""

DOLLARS_PER_POINT = MULTIPLIER * 0.5
"""Apparent entry credit of one index point of strike gap, near the money, where no volatility was
recorded with a decision."""
_LEAST = re.compile(r"above \$([\d,.]*\d)")
_DISTANCE = re.compile(r"\(([+-][\d.]+) bp\)")
_BAND = re.compile(r"within ([\d.]*\d) bp")


def chosen(day: DayFacts) -> Look | None:
    """Return the moment that is told of: the one that traded, or else the nearest miss.

    That is where the fewest rules failed, and of several such moments the one that promised most.
    """
    entries = {trade["entry_time"] for trade in day.trades}
    if opened := [each for each in day.looks if each["timestamp"] in entries]:
        return opened[0]
    return min(day.looks, key=_farness, default=None)


def _farness(look: Look) -> tuple[bool, int, float]:
    profit = look["expected_profit"]
    return (not look["should_trade"], len(_failed(look)), -profit if profit is not None else 1e12)


def _failed(look: Look) -> list[Mapping[str, Any]]:
    return [each for each in look["criteria"] if not each["passed"]]


def why_no_trade_blocks(day: DayFacts) -> Iterable[Block]:
    """Return why a day has no trade, with the moment that came nearest to one."""
    look = chosen(day)
    if day.trades or look is None:
        return
    yield Heading("Why there was no trade")
    if look["should_trade"]:
        yield Paragraph(
            f"At {clock(look['timestamp'])} the decision was to trade, and no trade came of it: "
            "what happened stands under Orders and under Warnings."
        )
    else:
        yield Paragraph(nearest_miss(look))
    yield from _looks_chart(day)


def nearest_miss(look: Look) -> str:
    """Return in sentences which rules failed at a moment, and by how much."""
    failed, rules = _failed(look), len(look["criteria"])
    at = f"The nearest miss was at {clock(look['timestamp'])}"
    if not failed:
        return f"{at}: all {rules} rules held, and not one spread fitted into the account."
    words = "; ".join(f"{each['name']}{_missed_by(each, look)}" for each in failed)
    return f"{at}: {rules - len(failed)} of {rules} rules held. What failed: {words}."


def _missed_by(rule: Mapping[str, Any], look: Look) -> str:
    """Return by how much a rule was missed, as far as its numbers tell."""
    seen, limit = str(rule["seen"]), str(rule["limit"])
    profit = look["expected_profit"]
    if seen == UNKNOWN:
        return " could not be judged"
    if NOT_BELIEVED in seen:
        return f", {money(profit)} {NOT_BELIEVED}"
    if profit is not None and (least := _LEAST.fullmatch(limit)):
        needed = float(least[1].replace(",", ""))
        return f" by ${needed - profit:,.2f} ({money(profit)}; needed: {limit})"
    distance, band = _DISTANCE.search(seen), _BAND.search(limit)
    if distance and band and abs(float(distance[1])) > float(band[1]):
        beyond = abs(float(distance[1])) - float(band[1])
        return f" by {beyond:.1f} bp (seen: {seen}; needed: {limit})"
    return f" ({seen}; needed: {limit})"


def _looks_chart(day: DayFacts) -> Iterable[Block]:
    bars = [Bar(clock(look["timestamp"])[:5], look["expected_profit"]) for look in day.looks]
    if len(bars) < 2 or all(bar.value is None for bar in bars):
        return
    limits = {rule["limit"] for look in day.looks for rule in _profit_rules(look)}
    needed = f"needed: {limits.pop()}" if len(limits) == 1 else ""
    yield Bars("Expected profit at each look, dollars a spread", bars, "look", needed)


def _profit_rules(look: Look) -> list[Mapping[str, Any]]:
    return [each for each in look["criteria"] if each["name"] == "expected profit"]


def decision_blocks(day: DayFacts) -> Iterable[Block]:
    """Return the decision with every rule, its number and its limit."""
    yield Heading("The decision")
    decision = chosen(day)
    if decision is None:
        yield Paragraph("No entry decision was recorded.")
        return
    setup = decision["setup"]
    verdict = "TRADE" if decision["should_trade"] else "NO TRADE; the nearest miss was this one"
    yield Paragraph(
        f"At {clock(decision['timestamp'])}: {verdict} "
        f"({count(len(day.looks), 'moment')} judged in all)."
    )
    if setup:
        yield Paragraph(_market(decision, setup))
    yield Table(
        ("rule", "passed", "seen", "limit"),
        [
            (each["name"], "yes" if each["passed"] else "NO", each["seen"], each["limit"])
            for each in decision["criteria"]
        ],
    )


def _market(decision: Look, setup: Mapping[str, Any]) -> str:
    spy, spx = setup["spy_call"], setup["spx_call"]
    spy_name = f"SPY {setup['spy_strike']:g} call"
    spx_name = f"SPXW {setup['spx_strike']:g} call"
    verb = "Sell" if decision["should_trade"] else "Judged: sell"
    plan = (
        f"{verb} {count(decision['spy_quantity'], spy_name)}, "
        f"buy {count(decision['spx_quantity'], spx_name)}"
        if decision["position_size"]
        else f"{spy_name}s against {spx_name}s"
    )
    return (
        f"{plan}. SPY {plain(setup['spy_price'])}, SPX "
        f"{plain(setup['spx_price'])}, ratio {setup['ratio']:.4f}; SPY call "
        f"{plain(spy['bid'])} x {plain(spy['ask'])}, SPXW call "
        f"{plain(spx['bid'])} x {plain(spx['ask'])}."
    )


def credit_source_blocks(day: DayFacts) -> Iterable[Block]:
    """Return where the credit of the decision came from."""
    decision = chosen(day)
    if decision is None or decision["setup"] is None or decision["entry_credit"] is None:
        return
    if priced := _priced(decision):
        setup, valuation = priced
        yield from credit_blocks(setup, valuation)
        yield Paragraph(volatility_line(valuation))
        if valuation.contradiction:
            yield Alarm(f"{CONTRADICTION}: {valuation.contradiction}.")
        yield Paragraph(risk_line(valuation))
        return
    gap = decision["setup"]["strike_gap"]
    of_gap = DOLLARS_PER_POINT * gap
    yield Heading("Where the credit comes from (dollars a spread)")
    yield Table(
        ("part", "dollars"),
        [
            ("quoted credit, net of the entry fees", money(decision["entry_credit"])),
            (f"payment for a strike gap of {gap:+.2f} SPX points, about", money(of_gap)),
            ("the rest, called expected profit", money(decision["expected_profit"])),
        ],
        frozenset({"dollars"}),
    )
    yield Paragraph(
        f"A point of gap is worth about ${DOLLARS_PER_POINT:.0f} when entering and up to "
        f"${MULTIPLIER} when settled: "
        + (
            "the SPX strike lies too high, the short calls are not wholly hedged, and this part "
            "of the credit is payment for that risk, not profit."
            if gap > 0
            else "the SPX strike does not lie too high, so none of the credit is payment for a gap."
        )
    )


def _priced(decision: Look) -> tuple[TradeSetup, Valuation] | None:
    """Return a decision's setup and what it was worth, None where that was not recorded."""
    if not decision["setup"] or not decision.get("valuation"):
        return None
    return TradeSetup.from_dict(decision["setup"]), Valuation.from_dict(decision["valuation"])


def exercise_blocks(day: DayFacts) -> Iterable[Block]:
    """Say what an assignment means where calls were held to the end, or may yet be."""
    held = [each for each in day.trades if each["exit_reason"] in {None, ExitReason.EXPIRED}]
    decision = chosen(day)
    if decision is None or not held or not (priced := _priced(decision)):
        return
    spreads = max(trade["spreads"] for trade in held)
    yield from assignment_blocks(*priced, spreads, load_dividends())
