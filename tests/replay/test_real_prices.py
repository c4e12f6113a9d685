"""What the recorded sessions say of prices: where credits come from, and that no edge is there."""

import csv
import gzip
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket, Tape
from src.dividends import Dividend
from src.market_data import MarketDataCollector
from src.models import EntryDecision
from src.pricing import implied_total_vol
from src.ratio import Closes, expected_ratio
from src.settings import Settings
from src.strategy_engine import Capacity, should_enter_trade
from src.variance_clock import annual, years_left
from tests.conftest import REAL_DATA
from tests.fakes.builders import a_clock, a_session, at

pytestmark = pytest.mark.real_data
PATHS = sorted((REAL_DATA / "tapes").glob("*.csv.gz"))
ROOM = Capacity(0, Decimal(100_000), Decimal(100_000))
ALL_DAY = ("trading_hours.entry_start=09:31", "trading_hours.entry_end=15:44")
# Chains that are fetched one after the other: the stamps of a snapshot lie seconds apart.
SNAPSHOTS = ("market_data.max_quote_age_seconds=60", "market_data.max_leg_skew_seconds=45")


@cache
def decisions(path: Path, *changes: str) -> tuple[EntryDecision, ...]:
    """Return what would have been decided at each moment of a tape that has new quotes."""
    tape = Tape.load(path)
    session, clock = a_session(day=tape.date), a_clock("09:31", tape.date)
    is_snapshots = tape.kind == "quotes"
    settings = Settings.defaults().changed(*ALL_DAY, *(SNAPSHOTS if is_snapshots else ()), *changes)
    collector = MarketDataCollector(ReplayMarket(tape, clock), clock, session, settings)
    found: dict[tuple[datetime, datetime], EntryDecision] = {}
    while clock.now() < at("15:44", tape.date):
        setup = collector.get_trade_setup()
        decision = should_enter_trade(
            setup, now=clock.now(), session=session, capacity=ROOM, settings=settings
        )
        if decision.setup:
            quotes = decision.setup.spy_call.at, decision.setup.spx_call.at
            found.setdefault(quotes, decision)
        clock.sleep(10 if is_snapshots else 60)
    return tuple(found.values())


def every(*changes: str) -> Iterator[EntryDecision]:
    for path in PATHS:
        yield from decisions(path, *changes)


def snapshots(*changes: str) -> list[EntryDecision]:
    found: list[EntryDecision] = []
    for path in PATHS:
        if Tape.load(path).kind == "quotes":
            hours = {each.timestamp.hour: each for each in reversed(decisions(path, *changes))}
            found += hours.values()
    return found


def reckoned(path: Path) -> list[EntryDecision]:
    return [each for each in decisions(path) if each.valuation and each.valuation.split]


@pytest.mark.parametrize("rule", ["atm", "matched"])
def test_no_moment_of_any_recorded_session_has_an_edge_worth_trading(rule: str) -> None:
    found = list(every(f"strategy.strike_rule={rule}"))
    assert len(found) > 200
    assert not [each for each in found if each.should_trade]


@pytest.mark.parametrize(("rule", "fewest"), [("atm", 20), ("matched", 2)])
def test_the_bare_credit_would_have_traded_many(rule: str, fewest: int) -> None:
    bare = ("strategy.expected_profit=credit", f"strategy.strike_rule={rule}")
    assert sum(each.should_trade for each in every(*bare)) >= fewest


def test_the_large_credits_of_july_are_the_evening_and_not_an_edge() -> None:
    """The three above 400 dollars: all were large losses by 16:15."""
    for day, credit in (("2026-07-22", 587.85), ("2026-07-23", 477.85), ("2026-07-30", 487.85)):
        path = REAL_DATA / "tapes" / f"{day}.csv.gz"
        (found,) = [
            each
            for each in decisions(path, "strategy.strike_rule=atm")
            if each.timestamp.hour == 14 and each.entry_credit == credit
        ]
        assert found.valuation
        split = found.valuation.split
        assert split
        assert split.edge < 0
        assert split.vol_gap == pytest.approx(0.0, abs=0.02)
        assert split.after_hours + split.strike_gap > credit


@pytest.mark.parametrize("path", PATHS, ids=[each.name[:10] for each in PATHS])
def test_no_real_quotes_of_two_sides_are_flagged_as_ones_that_cannot_both_be_true(
    path: Path,
) -> None:
    if Tape.load(path).kind != "quotes":
        pytest.skip("prints: the last trades of both legs lie apart")
    assert not [each for each in reckoned(path) if each.valuation and each.valuation.contradiction]


def test_the_move_that_spy_options_expect_after_the_close_is_the_same_all_day() -> None:
    """Total variances differ by its square, whatever is left of the day before the close."""
    path = REAL_DATA / "tapes" / "2026-01-28.csv.gz"
    moves = [
        (v.spy_total_vol**2 - v.spx_total_vol**2) ** 0.5 * 1e4
        for each in reckoned(path)
        if (v := each.valuation) and v.spy_total_vol and v.spx_total_vol
    ]
    first, second = moves[: len(moves) // 2], moves[len(moves) // 2 :]
    assert 30 < statistics.median(first) < 40
    assert statistics.median(second) == pytest.approx(statistics.median(first), rel=0.15)


def test_predicted_edges_are_within_the_noise_of_what_became_of_them() -> None:
    """At the official closes, before what happens after them, which the edge leaves out."""
    closes = official_closes()
    errors = []
    for each in snapshots():
        setup, split = each.setup, each.valuation and each.valuation.split
        if setup is None or not split:
            continue
        close = closes[each.timestamp.date()]
        spx = max(close.spx - setup.spx_contract.strike, 0.0)
        spy = max(close.spy - setup.spy_contract.strike, 0.0)
        errors.append(split.credit + 100 * spx - 1000 * spy - split.edge - split.after_hours)
    assert len(errors) >= 25
    noise = statistics.stdev(errors) / len(errors) ** 0.5
    assert abs(statistics.mean(errors)) < 2.5 * noise


def test_live_ratios_lie_within_the_gate_of_earlier_closes() -> None:
    closes, dividends = official_closes(), read_dividends()
    days = sorted(closes)
    distances = []
    for each in snapshots():
        day = each.timestamp.date()
        earlier = [closes[known] for known in days if known < day][-5:]
        expected = expected_ratio(day, earlier, dividends, band_bp=10.0, wide_band_bp=40.0)
        assert each.setup
        distances.append(abs(expected.distance_bp(each.setup.ratio)))
    assert max(distances) < 10.0


def test_closing_ratios_are_expected_within_the_gate_on_nearly_all_days() -> None:
    closes, dividends = official_closes(), read_dividends()
    days = [day for day in sorted(closes) if day.year >= 2021]
    by_closes: list[bool] = []
    by_date: list[bool] = []
    for place in range(5, len(days)):
        day = days[place]
        ratio = closes[day].spx / closes[day].spy
        earlier = [closes[known] for known in days[place - 5 : place]]
        for found, known in ((by_closes, earlier), (by_date, [])):
            expected = expected_ratio(day, known, dividends, band_bp=10.0, wide_band_bp=40.0)
            found.append(abs(expected.distance_bp(ratio)) <= expected.band_bp)
    assert statistics.mean(by_closes) > 0.98
    assert statistics.mean(by_date) > 0.998


def test_on_the_trading_time_clock_one_volatility_is_comparable_over_the_day() -> None:
    """Of SPXW calls at the money: the median of each time of day lies near that of the others."""
    by_clock: dict[str, list[float]] = defaultdict(list)
    even: dict[str, list[float]] = defaultdict(list)
    for at_, price, strike, mid in middles():
        total = implied_total_vol(price, strike, mid)
        if total and at_.minute in (0, 30):
            session = a_session(day=at_.date())
            by_clock[f"{at_:%H:%M}"].append(annual(total, years_left(at_, session)))
            share = (session.close - at_).total_seconds() / 23_400 / 252
            even[f"{at_:%H:%M}"].append(annual(total, share))
    assert min(map(len, by_clock.values())) > 400

    def spread(found: dict[str, list[float]]) -> float:
        medians = [statistics.median(each) for each in found.values()]
        return max(medians) / min(medians)

    assert spread(by_clock) < 1.25
    assert spread(even) > spread(by_clock) + 0.1


def middles() -> Iterator[tuple[datetime, float, float, float]]:
    """Yield one SPXW call a stamp, the one nearest the money: time, SPX, strike, middle."""
    path = REAL_DATA / "spxw_0dte_mids_9times_2023Nov-2025Dec.csv.gz"
    nearest: dict[datetime, tuple[float, float, float]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["right"] != "C":
                continue
            moment = datetime.fromisoformat(row["timestamp"])
            price, strike = float(row["underlying_price"]), float(row["strike"])
            known = nearest.get(moment)
            if known is None or abs(strike - price) < abs(known[1] - known[0]):
                nearest[moment] = (price, strike, float(row["mid"]))
    for moment, (price, strike, mid) in nearest.items():
        if moment.time() < a_session().close.time():
            yield moment.replace(tzinfo=a_session().close.tzinfo), price, strike, mid


@cache
def official_closes() -> dict[date, Closes]:
    with gzip.open(REAL_DATA / "daily_spx_spy_vix.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["spy_close"] and row["spx_close"]]
    days = [date.fromisoformat(row["date"]) for row in rows]
    return {
        day: Closes(day, float(row["spy_close"]), float(row["spx_close"]))
        for day, row in zip(days, rows, strict=True)
    }


def read_dividends() -> tuple[Dividend, ...]:
    with (REAL_DATA / "spy_dividends.csv").open(encoding="utf-8") as file:
        return tuple(
            Dividend(date.fromisoformat(row["ex_date"]), float(row["amount"]))
            for row in csv.DictReader(file)
        )
