import math
import statistics
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import pytest

from brokers.synthetic_day import ex_dividend, ratio_level
from brokers.synthetic_market import SyntheticMarket
from src.models import NEW_YORK, OptionContract, Quote, Right, Session
from src.ports import MendInput
from src.ticks import tick_size

DAY = date(2026, 11, 20)
SEEDS = range(60)
ENTRY_MINUTES = range(5, 31)


class SetClock:
    """A clock that stands where a test puts it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def session(close: time = time(16), day: date = DAY) -> Session:
    return Session(
        day,
        datetime.combine(day, time(9, 30), tzinfo=NEW_YORK),
        datetime.combine(day, close, tzinfo=NEW_YORK),
    )


class Generated:
    """A generated day, and a hand on its clock."""

    def __init__(
        self, seed: int, *, dislocation: bool | None = False, close: time = time(16)
    ) -> None:
        self.session = session(close)
        self.clock = SetClock(self.session.open)
        self.source = SyntheticMarket(self.session, seed, self.clock, dislocation=dislocation)

    def at(self, hour: int, minute: int, second: int = 0) -> "Generated":
        self.clock.moment = datetime.combine(DAY, time(hour, minute, second), tzinfo=NEW_YORK)
        return self

    def after(self, seconds: float) -> "Generated":
        self.clock.moment = self.session.open + timedelta(seconds=seconds)
        return self

    def chain(self, root: str, count: int = 30, right: Right = "C") -> Mapping[float, Quote]:
        """Return the quotes of the strikes around the money, by strike."""
        step, name = (1, "SPY") if root == "SPY" else (5, "SPX")
        level = self.source.prices()[name].last or 0.0
        middle = step * round(level / step)
        strikes = (float(middle + step * each) for each in range(-count, count + 1))
        asked = [OptionContract(root, DAY, strike, right) for strike in strikes]
        return {each.strike: quote for each, quote in self.source.quotes(asked).items()}


class Offer(NamedTuple):
    """The trade at matched strikes: dollars a spread less the worth of the gap, and widths."""

    edge: float
    spy_width: float
    spx_width: float


def offer(day: Generated) -> Offer | None:
    """Return what the market offers at this moment, or None unless all quotes are of it."""
    prices = day.source.prices()
    spy, spx = prices["SPY"].last or 0.0, prices["SPX"].last or 0.0
    spy_strike = math.floor(spy + 0.5)
    spx_strike = 5 * math.floor(spx / spy * spy_strike / 5 + 0.5)
    calls = (
        OptionContract("SPY", DAY, float(spy_strike)),
        OptionContract("SPXW", DAY, float(spx_strike)),
    )
    quotes = day.source.quotes(calls)
    if len(quotes) < 2:
        return None
    sold, bought = (quotes[each] for each in calls)
    if {sold.at, bought.at, prices["SPY"].at} != {day.clock.now()}:
        return None
    gap = spx_strike - spx / spy * spy_strike
    credit = 1000 * (sold.bid or 0.0) - 100 * (bought.ask or 0.0) - 2.15
    return Offer(credit - 50 * gap, width(sold), width(bought))


def width(quote: Quote) -> float:
    assert quote.bid is not None
    assert quote.ask is not None
    return quote.ask - quote.bid


def offers(day: Generated) -> Iterator[tuple[int, Offer]]:
    for minute in ENTRY_MINUTES:
        found = offer(day.after(60 * minute))
        if found:
            yield minute, found


def window(label: str) -> tuple[time, time]:
    first, last = label.split()[2].rstrip(":").split("-")
    return time.fromisoformat(first), time.fromisoformat(last)


def test_a_seed_is_a_day_whatever_was_asked_before() -> None:
    forward, backward = Generated(7), Generated(7)
    minutes = range(0, 405, 27)
    first = [(forward.after(60 * m).source.prices(), forward.chain("SPY", 3)) for m in minutes]
    last = [
        (backward.after(60 * m).source.prices(), backward.chain("SPY", 3))
        for m in reversed(minutes)
    ]
    assert first == list(reversed(last))
    assert Generated(8).after(60).source.prices() != Generated(7).after(60).source.prices()


def test_a_dislocation_changes_nothing_but_spy_calls_while_it_lasts() -> None:
    fair, forced = Generated(7), Generated(7, dislocation=True)
    start, stop = window(forced.source.labels[0])
    for minute in range(390):
        here, there = fair.after(60 * minute), forced.after(60 * minute)
        assert here.source.prices()["SPX"] == there.source.prices()["SPX"]
    inside = (start.hour, start.minute)
    assert fair.at(*inside).chain("SPXW") == forced.at(*inside).chain("SPXW")
    assert fair.at(*inside).chain("SPY", right="P") == forced.at(*inside).chain("SPY", right="P")
    assert fair.at(*inside).chain("SPY") != forced.at(*inside).chain("SPY")
    after = (stop.hour, stop.minute)
    assert fair.at(*after).chain("SPY") == forced.at(*after).chain("SPY")


def test_a_fair_day_never_pays_more_than_the_gap_between_the_strikes_is_worth() -> None:
    seen = [found for seed in SEEDS for _, found in offers(Generated(seed))]
    assert len(seen) > 0.9 * len(SEEDS) * len(ENTRY_MINUTES)
    assert max(each.edge for each in seen) < 400
    assert -120 < statistics.median(each.edge for each in seen) < 0


def test_a_forced_dislocation_can_be_traded_at_a_whole_minute_and_only_while_it_lasts() -> None:
    for seed in SEEDS:
        day = Generated(seed, dislocation=True)
        start, stop = window(day.source.labels[0])
        inside = {
            minute: found
            for minute, found in offers(day)
            if start <= (day.session.open + timedelta(minutes=minute)).time() < stop
        }
        good = {
            minute
            for minute, found in offers(day)
            if found.edge > 400 and found.spy_width <= 0.0501 and found.spx_width <= 1.0001
        }
        assert good
        assert good <= inside.keys()
        # No feed fails in it: every minute has its quotes.
        lasting = (stop.hour - start.hour) * 60 + stop.minute - start.minute
        assert len(inside) == lasting


def test_a_dislocation_is_told_with_its_time_and_size() -> None:
    for seed in SEEDS:
        labels = Generated(seed, dislocation=True).source.labels
        assert len(labels) == 1
        start, stop = window(labels[0])
        assert time(9, 36) <= start < stop <= time(9, 55)
        assert 3 <= (stop.hour - start.hour) * 60 + stop.minute - start.minute <= 8
        dollars = int(labels[0].split("$")[-1].split()[0])
        assert 450 <= dollars <= 1800
        assert f"+${dollars / 1000:.2f} a share" in labels[0]


def test_one_seed_in_twenty_has_a_dislocation_of_its_own() -> None:
    days = [Generated(seed, dislocation=None) for seed in range(100)]
    dislocated = sum(bool(day.source.labels) for day in days)
    assert 1 <= dislocated <= 12
    assert not Generated(0).source.labels


def test_every_price_is_on_the_grid_of_its_contract_and_every_market_has_a_width() -> None:
    for seed in range(6):
        day = Generated(seed, dislocation=True)
        for minute in (0, 5, 7, 10, 30, 200, 385, 389):
            day.after(60 * minute + 1)
            for root in ("SPY", "SPXW"):
                for quote in day.chain(root, 40).values():
                    assert quote.bid is not None
                    assert quote.ask is not None
                    assert 0 <= quote.bid < quote.ask
                    for price in (quote.bid, quote.ask):
                        exact = Decimal(str(price))
                        tick = tick_size(OptionContract(root, DAY, 1.0), exact)
                        assert exact % tick == 0
                    assert quote.bid_size
                    assert quote.ask_size


@pytest.mark.parametrize(("root", "usual"), [("SPY", (0.01, 0.03)), ("SPXW", (0.10, 0.60))])
def test_spreads_at_the_money_are_wide_at_the_open_and_usual_from_ten(
    root: str, usual: tuple[float, float]
) -> None:
    at_open, later = (
        statistics.mean(
            width(quote)
            for seed in SEEDS
            for quote in Generated(seed).at(*moment).chain(root, 0).values()
        )
        for moment in ((9, 30, 0), (10, 0, 0))
    )
    assert usual[0] <= later <= usual[1]
    assert 2.0 < at_open / later < 4.0


def test_calls_fall_with_the_strike_and_far_ones_have_no_bid() -> None:
    for seed in range(10):
        chain = Generated(seed).at(11, 0).chain("SPXW", 60)
        asks = [quote.ask or 0.0 for _, quote in sorted(chain.items())]
        assert asks == sorted(asks, reverse=True)
    assert any(
        quote.bid == 0
        for seed in range(10)
        for quote in Generated(seed).at(15, 30).chain("SPXW", 60).values()
    )


def test_puts_and_calls_agree_on_the_forward() -> None:
    day = Generated(3).at(11, 0)
    level = day.source.prices()["SPX"].last or 0.0
    calls, puts = day.chain("SPXW", 5), day.chain("SPXW", 5, right="P")
    for strike in calls:
        call, put = calls[strike], puts[strike]
        assert (
            (call.bid or 0) - (put.ask or 0) <= level - strike <= (call.ask or 0) - (put.bid or 0)
        )


def test_only_todays_listed_options_are_known() -> None:
    day = Generated(3).at(11, 0)
    spx = 5.0 * round((day.source.prices()["SPX"].last or 0.0) / 5)
    others = [
        OptionContract("SPXW", DAY + timedelta(days=1), spx),
        OptionContract("SPX", DAY, spx),
        OptionContract("XSP", DAY, spx / 10),
        OptionContract("SPXW", DAY, spx + 1.0),
        OptionContract("SPXW", DAY, 2 * spx),
    ]
    assert day.source.quotes(others) == {}
    assert day.source.quotes([OptionContract("SPXW", DAY, spx)])


def test_nothing_is_known_before_the_open_or_on_another_day() -> None:
    day = Generated(3)
    known = OptionContract("SPXW", DAY, 5.0 * round((day.source.prices()["SPX"].last or 0) / 5))
    for seconds in (-1, 86_400):
        assert day.after(seconds).source.prices() == {}
        assert day.source.quotes([known]) == {}


def test_spxw_ends_at_the_close_and_spy_options_a_quarter_of_an_hour_later() -> None:
    day = Generated(3)
    assert day.at(15, 59, 30).chain("SPXW")
    assert not day.at(16, 0).chain("SPXW")
    assert day.at(16, 0).chain("SPY")
    assert day.at(16, 14, 30).chain("SPY")
    assert not day.at(16, 15).chain("SPY")


def test_after_the_close_spx_stands_still_and_spy_moves_on() -> None:
    day = Generated(3)
    at_close = day.at(16, 0).source.prices()
    later = day.at(16, 10).source.prices()
    assert later["SPX"] == at_close["SPX"]
    assert at_close["SPX"].at == day.session.close
    assert later["SPY"].last != at_close["SPY"].last


def test_a_half_day_ends_with_its_close() -> None:
    day = Generated(3, close=time(13))
    assert day.at(12, 59, 30).chain("SPXW")
    assert day.chain("SPY")
    assert day.source.official_closes(DAY) is None
    assert not day.at(13, 0).chain("SPY")
    assert not day.chain("SPXW")
    assert day.source.official_closes(DAY) is not None
    assert day.at(13, 10).source.prices()["SPY"].at == day.session.close


def test_the_closes_are_known_from_the_close_on() -> None:
    day = Generated(3).at(15, 59, 59)
    assert day.source.official_closes(DAY) is None
    closes = day.at(16, 0).source.official_closes(DAY)
    assert closes is not None
    assert closes.source == "generated"
    assert closes.spx == day.source.prices()["SPX"].last
    assert closes == day.at(17, 30).source.official_closes(DAY)


def test_an_earlier_day_closed_at_its_own_ratio_where_this_one_begins() -> None:
    day = Generated(3)
    begin = day.source.prices()
    closes = day.source.official_closes(DAY - timedelta(days=1))
    assert closes is not None
    assert closes.spx == begin["SPX"].last
    assert closes.spx / closes.spy == pytest.approx(
        ratio_level(date(2026, 11, 19), closes.spx), 1e-5
    )
    assert day.source.official_closes(DAY + timedelta(days=1)) is None


def test_the_time_at_which_a_quote_was_true_never_goes_back() -> None:
    lags: set[float] = set()
    for seed in range(3):
        day = Generated(seed)
        level = day.source.prices()["SPY"].last or 0.0
        call = OptionContract("SPY", DAY, float(round(level)))
        before = day.session.open
        for second in range(23_400):
            quote = day.after(second).source.quotes([call]).get(call)
            if quote:
                assert before <= quote.at <= day.clock.now()
                lags.add((day.clock.now() - quote.at).total_seconds())
                before = quote.at
    assert max(lags) >= 3


def test_feeds_stand_still_or_fail_at_a_few_whole_minutes() -> None:
    stale = missing = 0
    for seed in SEEDS:
        day = Generated(seed)
        call = OptionContract("SPXW", DAY, 5.0 * round((day.source.prices()["SPX"].last or 0) / 5))
        for minute in range(1, 390):
            quote = day.after(60 * minute).source.quotes([call]).get(call)
            missing += quote is None
            stale += quote is not None and quote.at < day.clock.now()
    count = len(SEEDS) * 389
    assert 0.01 < stale / count < 0.02
    assert 0.001 < missing / count < 0.004


def test_days_are_as_lively_as_those_of_the_market() -> None:
    realised, dear = [], []
    for seed in range(100):
        day = Generated(seed)
        levels = [day.after(300 * each).source.prices()["SPX"].last or 0.0 for each in range(79)]
        assert 5000 < levels[0] < 8000
        steps = [math.log(after / before) for before, after in pairwise(levels)]
        realised.append(math.sqrt(sum(step * step for step in steps)))
        call = next(iter(day.at(10, 0).chain("SPXW", 0).values()), None)
        if call:
            dear.append(((call.bid or 0) + (call.ask or 0)) / 2 / levels[6])
    assert 0.0040 < statistics.median(realised) < 0.0060
    assert 0.0016 < statistics.median(dear) < 0.0029


def test_the_ratio_is_that_of_the_calendar_and_a_little_noise() -> None:
    for seed in SEEDS:
        day = Generated(seed)
        ratios = []
        for minute in range(5, 390, 11):
            prices = day.after(60 * minute).source.prices()
            ratios.append((prices["SPX"].last or 0) / (prices["SPY"].last or 1))
        assert 9.99 < min(ratios) < max(ratios) < 10.06
        assert 1e-5 < statistics.stdev(ratios) / 10 < 3e-4


def test_the_ratio_jumps_on_an_ex_date_and_decays_until_the_next() -> None:
    eve, ex = date(2026, 6, 17), date(2026, 6, 18)
    jump = ratio_level(ex, 7400.0) - ratio_level(eve, 7400.0)
    assert 0.02 < jump < 0.04
    assert 10.003 < ratio_level(eve, 7400.0) < 10.02
    for day in (date(2025, 1, 2) + timedelta(days=each) for each in range(900)):
        for spx in (6000.0, 7500.0):
            assert 9.99 < ratio_level(day, spx) < 10.06


@pytest.mark.parametrize(
    ("day", "last", "amount"),
    [
        (date(2026, 6, 17), date(2026, 3, 20), 1.797),
        (date(2026, 6, 18), date(2026, 6, 18), 1.904),
        (date(2026, 11, 20), date(2026, 9, 18), 1.904),
        (date(2027, 1, 4), date(2026, 12, 18), 1.904),
    ],
)
def test_the_last_ex_date_is_known_or_assumed_to_be_a_third_friday(
    day: date, last: date, amount: float
) -> None:
    assert ex_dividend(day) == (last, amount)


def test_a_negative_seed_is_refused_in_words() -> None:
    with pytest.raises(MendInput, match="-1 is negative"):
        Generated(-1)


def test_the_name_tells_the_seed() -> None:
    assert Generated(7).source.name == "generated day, seed 7"
