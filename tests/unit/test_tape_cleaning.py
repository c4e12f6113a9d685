"""Bad data on its way to a tape: what is found, what is mended, and that it is said."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from brokers.tape_cleaning import Cleaned, clean
from brokers.tape_file import TapeRow
from brokers.tape_telling import cadence_of, gaps, missing
from src.models import Quote
from tests.fakes.builders import a_session, at, spxw_call, spy_call

SESSION = a_session()
CALL = spxw_call(6000.0).symbol
MINUTE = timedelta(minutes=1)


def quoted(clock: str, bid: float | None, ask: float | None, last: float | None = None) -> TapeRow:
    return TapeRow(CALL, Quote(at(clock), bid, ask, last=last), at(clock))


def priced(clock: str, last: float, symbol: str = "SPX") -> TapeRow:
    return TapeRow(symbol, Quote(at(clock), last=last), at(clock))


def minutes(count: int, make: Callable[[int], Quote], symbol: str = CALL) -> list[TapeRow]:
    """Return a row a minute from 9:31 on; the quote's time is set here."""
    moments = (at("09:31") + n * MINUTE for n in range(count))
    return [TapeRow(symbol, make(n)._replace(at=now), now) for n, now in enumerate(moments)]


def cleaned(*rows: TapeRow) -> Cleaned:
    return clean(rows, SESSION)


def label(found: Cleaned, words: str) -> str:
    (one,) = (each for each in found.labels if words in each)
    return one


def test_sound_rows_stay_as_they_are_and_need_no_label() -> None:
    rows = minutes(30, lambda n: Quote(at("09:31"), 20.0 + n / 10, 20.2 + n / 10))
    assert clean(rows, SESSION) == Cleaned(rows, ())


def test_rows_out_of_order_are_sorted_and_counted() -> None:
    found = cleaned(quoted("09:33", 2.0, 2.1), quoted("09:31", 2.2, 2.3), quoted("09:32", 2.4, 2.5))
    assert [f"{row.seen:%H:%M}" for row in found.rows] == ["09:31", "09:32", "09:33"]
    assert label(found, "out of time order").startswith("1 row ")


def test_symbols_one_after_the_other_are_no_disorder() -> None:
    found = cleaned(priced("09:40", 6000.0), quoted("09:31", 2.0, 2.1))
    assert found.labels == ()
    assert [row.symbol for row in found.rows] == [CALL, "SPX"]


def test_of_rows_of_one_moment_the_last_counts_and_contradictions_are_told_apart() -> None:
    found = cleaned(quoted("09:31", 2.0, 2.1), quoted("09:31", 2.0, 2.1), quoted("09:32", 2.0, 2.1))
    assert len(found.rows) == 2
    assert "1 row of a moment" in label(found, "another row")
    found = cleaned(quoted("09:31", 2.0, 2.1), quoted("09:31", 2.4, 2.5))
    assert found.rows == [quoted("09:31", 2.4, 2.5)]
    assert label(found, "told twice") == "1 moment told twice with different values"


@pytest.mark.parametrize(
    ("bid", "ask", "known"),
    [(0.0, 0.0, (None, None)), (2.0, 0.0, (2.0, None)), (0.0, 0.05, (0.0, 0.05))],
)
def test_an_ask_of_nothing_is_not_known_and_a_bid_of_nothing_is_real(
    bid: float, ask: float, known: tuple[float | None, float | None]
) -> None:
    found = cleaned(quoted("09:31", bid, ask))
    assert (found.rows[0].quote.bid, found.rows[0].quote.ask) == known
    assert bool(found.labels) == (known != (0.0, 0.05))


def test_a_crossed_market_is_none() -> None:
    found = cleaned(quoted("09:31", 2.3, 2.1, 2.2))
    assert found.rows[0].quote == Quote(at("09:31"), last=2.2)
    assert "crossed" in label(found, "bid above ask")


def test_a_last_price_of_nothing_is_not_known() -> None:
    found = cleaned(priced("09:31", 0.0))
    assert found.rows[0].quote.is_empty
    assert "price of 0" in found.labels[0]


def test_a_side_that_is_missing_stays_missing_and_is_named() -> None:
    rows = minutes(20, lambda n: Quote(at("09:31"), ask=20.0 + n / 10))
    found = clean(rows, SESSION)
    assert found.rows == rows
    assert f"only asks are known of {CALL}" in found.labels
    assert "20 rows one-sided" in label(found, "one-sided")


def test_the_bars_of_one_side_are_no_quotes() -> None:
    # Low and high of a bar of bids, given out as bid and ask: equal when nothing moved.
    rows = minutes(
        40, lambda n: Quote(at("09:31"), 20.0 + n, 20.0 + n + (n % 3) / 10, last=19.0 + n)
    )
    found = clean(rows, SESSION)
    assert all((row.quote.bid, row.quote.ask) == (None, None) for row in found.rows)
    assert [row.quote.last for row in found.rows] == [19.0 + n for n in range(40)]
    assert CALL in label(found, "bars of one side")


def test_now_and_then_a_locked_market_is_real() -> None:
    rows = minutes(40, lambda n: Quote(at("09:31"), 20.0 + n, 20.0 + n + (0.1 if n % 10 else 0)))
    assert clean(rows, SESSION) == Cleaned(rows, ())


def test_a_market_that_is_only_repeated_grows_old() -> None:
    rows = minutes(
        60,
        lambda n: (
            Quote(at("09:31"), 20.0, 20.2) if n >= 20 else Quote(at("09:31"), 19.0 + n / 100, 20.1)
        ),
    )
    found = clean(rows, SESSION)
    assert found.rows[:20] == rows[:20]
    assert {row.quote.at for row in found.rows[20:]} == {at("09:51")}
    assert [row.seen for row in found.rows] == [row.seen for row in rows]
    assert "39 rows of " + CALL in label(found, "carried forward")
    assert "39 minutes" in label(found, "carried forward")


def test_ten_minutes_of_standing_still_are_no_carrying() -> None:
    rows = minutes(11, lambda _: Quote(at("09:31"), 20.0, 20.2))
    assert clean(rows, SESSION) == Cleaned(rows, ())
    assert clean(rows, SESSION, timedelta(minutes=5)).labels


def test_an_option_at_the_floor_may_stand_still() -> None:
    rows = minutes(90, lambda _: Quote(at("09:31"), 0.0, 0.05))
    assert clean(rows, SESSION) == Cleaned(rows, ())


def test_a_trade_at_the_price_of_the_one_before_is_a_trade() -> None:
    rows = minutes(60, lambda _: Quote(at("09:31"), last=20.0))
    assert "carried forward" in clean(rows, SESSION).labels[0]
    assert clean(rows, SESSION, knows_trades=True) == Cleaned(rows, ())
    index = minutes(60, lambda _: Quote(at("09:31"), last=6000.0), "SPX")
    assert "carried forward" in clean(index, SESSION, knows_trades=True).labels[0]


def test_sizes_that_change_show_that_a_market_is_alive() -> None:
    rows = minutes(60, lambda n: Quote(at("09:31"), 20.0, 20.2, 10 + n % 3, 5))
    assert clean(rows, SESSION) == Cleaned(rows, ())


def test_an_index_that_stands_still_is_carried_and_counts_as_a_gap() -> None:
    rows = minutes(60, lambda n: Quote(at("09:31"), last=6000.0 + min(n, 30)), "SPX")
    found = clean(rows, SESSION)
    assert "carried forward" in found.labels[0]
    holes = [str(each) for each in gaps(found.rows, SESSION, MINUTE) if each.symbol == "SPX"]
    assert holes == ["SPX 10:02-16:00"]


def test_the_index_after_the_close_is_not_carried() -> None:
    rows = [priced(f"16:{n:02d}", 6000.0) for n in range(20)]
    assert clean(rows, SESSION).labels == ()


def test_rows_outside_the_session_are_left_out() -> None:
    found = cleaned(priced("09:29", 6000.0), priced("09:31", 6001.0), priced("16:21", 6002.0))
    assert found.rows == [priced("09:31", 6001.0)]
    assert found.labels == ("2 rows outside the session's hours left out",)


def test_what_was_cleaned_once_is_clean() -> None:
    def bad() -> Iterator[TapeRow]:
        yield from minutes(60, lambda _: Quote(at("09:31"), 20.0, 20.2))
        yield quoted("12:00", 2.3, 2.1)
        yield quoted("12:00", 2.3, 0.0)
        yield priced("11:00", 6000.0)

    once = clean(bad(), SESSION)
    assert clean(once.rows, SESSION).rows == once.rows


def test_gaps_are_told_by_symbol_with_their_minutes() -> None:
    rows = [
        TapeRow(name, Quote(now, last=600.0 + n), now)
        for name in ("SPY", "SPX")
        for n in range(390)
        if (now := at("09:31") + n * MINUTE) and not (name == "SPX" and n in {3, 4, 100})
    ]
    found = gaps(rows, SESSION, MINUTE)
    assert [str(each) for each in found] == ["SPX 09:34-09:35", "SPX 11:11"]
    assert missing(found, SESSION) == ["SPX lacks 3 of 390 minutes: 09:34-09:35, 11:11"]


def test_a_row_within_its_cadence_is_no_gap_though_it_is_no_full_minute() -> None:
    rows = [
        TapeRow(name, Quote(now, last=600.0 + n), now)
        for name in ("SPY", "SPX")
        for n in range(390)
        if (now := at("09:30:17") + n * MINUTE)
    ]
    assert gaps(rows, SESSION, MINUTE) == []


def test_without_a_cadence_only_what_is_missing_altogether_is_a_gap() -> None:
    found = gaps([priced("12:00", 600.0, "SPY")], SESSION, None)
    assert missing(found, SESSION) == ["SPX is missing altogether"]


def test_a_cadence_is_what_most_rows_keep() -> None:
    regular = minutes(50, lambda n: Quote(at("09:31"), 1.0 + n, 2.0 + n))
    assert cadence_of(regular) == MINUTE
    assert cadence_of([priced("10:00", 1.0), priced("10:30", 2.0), priced("12:10", 3.0)]) is None
    assert cadence_of([TapeRow(spy_call().symbol, Quote(at("10:00")), at("10:00"))]) is None
