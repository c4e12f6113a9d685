"""A day as columns: what is written down of a market that a test dictates."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from src.backtest import DayMarket
from src.day_table import ANY_SIZE, FAULTS, REFUSED, UNKNOWN, DayTable, day_table
from src.market_data import Fault
from src.models import Quote
from src.ports import Clock, OfficialCloses, RetryLater
from src.settings import Settings
from src.sweep import Stack
from tests.fakes.builders import ScriptedMarket, a_session, spxw_call, spy_call
from utils.market_clock import VirtualClock

SESSION = a_session()
ROWS = 391
ENTRY, EXIT = 5, 10
Sizes = tuple[int, int]


def a_market(
    clock: Clock,
    *,
    spy_quote: tuple[float, float] = (2.98, 3.02),
    spx_quote: tuple[float, float] = (23.00, 23.40),
    sizes: Sizes | None = None,
    age: float = 0.0,
    closes: OfficialCloses | None = None,
    cadence: float | None = None,
) -> "Told":
    return Told(clock, spy_quote, spx_quote, sizes, age, closes, cadence)


class Told:
    """The worked example, true at every moment of the clock, `age` seconds ago."""

    name = "told"

    def __init__(
        self,
        clock: Clock,
        spy_quote: tuple[float, float],
        spx_quote: tuple[float, float],
        sizes: Sizes | None,
        age: float,
        closes: OfficialCloses | None,
        cadence: float | None,
    ) -> None:
        self._clock = clock
        self._sides = {"SPY": spy_quote, "SPXW": spx_quote}
        self._sizes = sizes or (None, None)
        self._age, self._closes = timedelta(seconds=age), closes
        self.cadence_seconds = cadence

    def prices(self) -> dict[str, Quote]:
        now = self._clock.now()
        return {"SPY": Quote(now, last=600.25), "SPX": Quote(now, last=6002.5)}

    def quotes(self, contracts: object) -> dict[object, Quote]:
        at = self._clock.now() - self._age
        known = (spy_call(), spxw_call(), spxw_call(6005.0))
        return {
            each: Quote(at, *self._sides[each.root], *self._sizes)
            for each in known
            if each in set(contracts)  # type: ignore[call-overload] # any iterable of contracts
        }

    def official_closes(self, day: object) -> OfficialCloses | None:
        is_over = day == SESSION.day and self._clock.now() >= SESSION.close
        return self._closes if is_over else None


class Unreachable(ScriptedMarket):
    """A source that never answers."""

    def official_closes(self, day: object) -> OfficialCloses | None:
        raise RetryLater(f"nobody there on {day}")


def a_table(
    source: Callable[[Clock], object], *texts: str, least: float = 0.0, spreads: int = 2
) -> DayTable:
    judged, looked = np.zeros((2, ROWS), np.bool_)
    judged[ENTRY], looked[EXIT] = True, True
    settings = Settings.defaults().changed(
        "strategy.strike_rule=atm", "strategy.expected_profit=credit", *texts
    )
    return day_table(
        DayMarket(
            SESSION,
            "a fake",
            "quotes",
            source,  # type: ignore[arg-type] # a fake says less than the port
        ),
        settings,
        VirtualClock(SESSION.open),
        judged=judged,
        looked=looked,
        least=least,
        spreads=spreads,
    )


def test_the_worked_example_costs_and_brings_what_it_does_by_hand() -> None:
    table = a_table(a_market)
    assert table.credit[ENTRY] == 637.85
    assert (table.spy_strike[ENTRY], table.spx_strike[ENTRY]) == (600.0, 6000.0)
    assert table.entry[:, ENTRY].tolist() == [63_785, 2 * 63_785]
    # Bought back at 3.02 and sold at 23.00, less 2.15 a spread.
    out = 230_000 - 302_000 - 215
    assert table.value[:, 0, EXIT].tolist() == [out, 2 * out]
    assert table.pair[ENTRY] == 0
    assert table.pair_strikes.tolist() == [[600.0, 6000.0]]


class Remembering(Told):
    """The worked example on a morning on which yesterday's ratio of 10.0333 is known."""

    def official_closes(self, day: object) -> OfficialCloses | None:
        told = super().official_closes(day)
        return OfficialCloses(600.0, 6020.0, "yesterday") if day != SESSION.day else told


def test_the_last_closes_are_known_also_where_the_window_begins_at_the_open() -> None:
    def remembering(clock: Clock) -> Told:
        return Remembering(clock, (2.98, 3.02), (23.00, 23.40), None, 0.0, None, None)

    table = a_table(remembering, "trading_hours.entry_start=09:30")
    assert table.offer[ENTRY] == -np.inf
    assert a_table(a_market, "trading_hours.entry_start=09:30").offer[ENTRY] > 0


def test_rows_that_nobody_looks_at_stay_empty() -> None:
    table = a_table(a_market)
    rows = {ENTRY, EXIT}
    assert set(np.flatnonzero(~np.isnan(table.spy)).tolist()) == rows
    assert np.flatnonzero(table.offer > -np.inf).tolist() == [ENTRY]
    assert set(np.flatnonzero(table.value[0, 0] != UNKNOWN).tolist()) <= rows
    assert table.close == ROWS - 1


def test_sizes_say_how_many_spreads_can_go_in_and_out_at_once() -> None:
    unknown = a_table(a_market)
    assert unknown.room_in[ENTRY] == ANY_SIZE // 10
    table = a_table(lambda clock: a_market(clock, sizes=(29, 35)))
    # In: 29 SPY bid, 35 SPXW offered. Out: 35 SPY offered, 29 SPXW bid.
    assert (table.room_in[ENTRY], table.room_out[0, EXIT]) == (2, 3)


def test_a_price_off_the_grid_fills_nothing_at_once() -> None:
    table = a_table(lambda clock: a_market(clock, spx_quote=(22.95, 23.35)))
    assert table.room_in[ENTRY] == 0
    assert table.room_out[0, EXIT] == 0


def test_a_faulty_moment_has_its_faults_and_no_offer() -> None:
    table = a_table(lambda clock: a_market(clock, age=9, spy_quote=(2.90, 3.02)))
    found = {fault for bit, fault in enumerate(FAULTS) if table.faults[ENTRY] >> bit & 1}
    assert found == {Fault.AGE, Fault.WIDTH}
    assert table.offer[ENTRY] == -np.inf
    assert table.pair[ENTRY] == -1


def test_a_moment_that_a_criterion_refuses_is_no_offer_but_keeps_its_figures() -> None:
    table = a_table(a_market, "strategy.max_ratio=9.99")
    assert table.faults[ENTRY] == REFUSED
    assert table.credit[ENTRY] == 637.85
    assert table.offer[ENTRY] == -np.inf


def test_what_would_pay_too_little_is_not_followed() -> None:
    table = a_table(a_market, least=100_000.0)
    assert table.pair[ENTRY] == -1
    assert table.value.shape == (2, 0, ROWS)


def test_the_order_is_sure_to_fill_below_what_the_moment_is_worth() -> None:
    table = a_table(a_market)
    assert 0 <= 100 * table.offer[ENTRY] - table.slack[ENTRY] <= 3


@pytest.mark.parametrize(
    ("closes", "settled"),
    [
        (OfficialCloses(600.0, 6000.0, "told"), 0),
        (OfficialCloses(601.0, 6011.5, "told"), 115_000 - 100_000),
        (None, UNKNOWN),
    ],
)
def test_expiry_is_settled_on_the_two_closes(closes: OfficialCloses | None, settled: int) -> None:
    assert a_table(lambda clock: a_market(clock, closes=closes)).settled.tolist() == [settled]


def test_a_source_that_cannot_be_reached_leaves_a_day_without_prices() -> None:
    def source(clock: Clock) -> Unreachable:
        return Unreachable(clock, down=True)  # type: ignore[arg-type] # any clock will do

    table = a_table(source)
    assert np.isnan(table.spy).all()
    assert table.faults[ENTRY] & 1 << FAULTS.index(Fault.SOURCE)
    assert len(table.settled) == 0


def test_quotes_that_count_for_minutes_may_be_the_same_ones() -> None:
    slow = a_table(lambda clock: a_market(clock, cadence=300.0))
    stack = Stack.of([slow, a_table(a_market)], jump=0.02)
    assert stack.shared.tolist() == [True, False]
    assert stack.pair[:, ENTRY].tolist() == [0, 1]


def test_a_day_is_calm_when_no_two_prices_differ_by_a_jump() -> None:
    table = a_table(a_market)
    assert Stack.of([table], jump=0.02).calm.all()
    table.spy[EXIT] *= 1.03
    assert not Stack.of([table], jump=0.02).calm.any()
