import gzip
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from brokers.replay_market import ReplayMarket, Tape
from src.models import NEW_YORK, OptionContract, Quote
from src.ports import MendInput

DAY = date(2026, 1, 26)
HEADER = "timestamp,symbol,bid,ask,bid_size,ask_size,last"
SPY_691 = OptionContract("SPY", DAY, 691.0)
SPXW_6930 = OptionContract("SPXW", DAY, 6930.0)


class SetClock:
    """A clock that stands where a test puts it."""

    def __init__(self, text: str = "09:35:00") -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.moment = at(text)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def at(text: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(text), tzinfo=NEW_YORK)


def row(when: str, symbol: str, rest: str) -> str:
    return f"{DAY}T{when}-05:00,{symbol},{rest}"


def write(folder: Path, *lines: str, header: str = HEADER, name: str = f"{DAY}.csv") -> Path:
    path = folder / name
    text = "\n".join([header, *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def tell(folder: Path, **facts: object) -> None:
    (folder / f"{DAY}.json").write_text(json.dumps(facts), encoding="utf-8")


def market(path: Path, clock: SetClock, close: time = time(16)) -> ReplayMarket:
    return ReplayMarket(Tape.load(path), clock, close)


@pytest.fixture
def simple(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        row("09:35:00", "SPX", ",,,,6930.1"),
        row("09:35:00", "SPY", ",,,,691.02"),
        row("09:35:00", SPY_691.symbol, "2.97,2.98,10,20,2.98"),
        row("09:40:00", SPY_691.symbol, "3.10,3.12,,,3.11"),
    )


def test_each_moment_has_the_newest_row_known_by_then(simple: Path) -> None:
    clock = SetClock("09:34:59")
    source = market(simple, clock)
    assert source.prices() == {}
    assert source.quotes([SPY_691]) == {}
    clock.set("09:39:59")
    assert source.prices()["SPX"] == Quote(at("09:35:00"), last=6930.1)
    assert source.quotes([SPY_691]) == {SPY_691: Quote(at("09:35:00"), 2.97, 2.98, 10, 20, 2.98)}
    clock.set("09:40:00")
    assert source.quotes([SPY_691]) == {
        SPY_691: Quote(at("09:40:00"), 3.10, 3.12, None, None, 3.11)
    }


def test_a_clock_that_goes_back_sees_the_past_again(simple: Path) -> None:
    clock = SetClock("15:00:00")
    source = market(simple, clock)
    assert source.quotes([SPY_691])[SPY_691].bid == 3.10
    clock.set("09:36:00")
    assert source.quotes([SPY_691])[SPY_691].bid == 2.97


def test_times_are_told_in_new_york_whatever_the_offset_of_the_tape(tmp_path: Path) -> None:
    path = write(tmp_path, f"{DAY}T14:35:00Z,SPY,,,,,691.02")
    quote = market(path, SetClock()).prices()["SPY"]
    assert quote.at == at("09:35:00")
    assert quote.at.tzinfo is NEW_YORK


def test_an_empty_row_takes_the_contract_away_until_the_next_one(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        row("09:35:00", SPY_691.symbol, "2.97,2.98,,,"),
        row("09:36:00", SPY_691.symbol, ",,,,"),
        row("09:37:00", SPY_691.symbol, "2.99,3.00,,,"),
    )
    clock = SetClock("09:36:30")
    source = market(path, clock)
    assert source.quotes([SPY_691]) == {}
    clock.set("09:37:00")
    assert source.quotes([SPY_691])[SPY_691].bid == 2.99


def test_of_two_rows_of_one_moment_the_later_one_counts(tmp_path: Path) -> None:
    path = write(
        tmp_path, row("09:35:00", "SPY", ",,,,691.02"), row("09:35:00", "SPY", ",,,,691.03")
    )
    assert market(path, SetClock()).prices()["SPY"].last == 691.03


def test_a_row_counts_from_the_moment_at_which_it_was_seen(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"{DAY}T09:34:58-05:00,SPY,,,,,691.02,{DAY}T09:35:02-05:00",
        header=f"{HEADER},seen",
    )
    clock = SetClock("09:35:00")
    source = market(path, clock)
    assert source.prices() == {}
    clock.set("09:35:02")
    assert source.prices()["SPY"].at == at("09:34:58")


@pytest.mark.parametrize(
    "other",
    ["SPX260126C06930000", "SPXW260127C06930000", "SPXW260126P06930000", "SPXW260126C06935000"],
)
def test_only_exactly_the_contract_that_was_asked_for_is_given(tmp_path: Path, other: str) -> None:
    path = write(tmp_path, row("09:35:00", other, "23.30,23.40,,,"))
    assert market(path, SetClock()).quotes([SPXW_6930]) == {}


def test_a_crossed_market_is_data_and_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path, row("09:35:00", SPXW_6930.symbol, "23.50,23.40,,,"))
    quote = market(path, SetClock()).quotes([SPXW_6930])[SPXW_6930]
    assert (quote.bid, quote.ask) == (23.50, 23.40)


def test_spx_has_two_places_and_spy_keeps_its_half_cents(tmp_path: Path) -> None:
    path = write(
        tmp_path, row("09:35:00", "SPX", ",,,,7537.2998"), row("09:35:00", "SPY", ",,,,746.985")
    )
    prices = market(path, SetClock()).prices()
    assert prices["SPX"].last == 7537.30
    assert prices["SPY"].last == 746.985


def test_the_json_beside_the_tape_tells_kind_cadence_note_and_labels(tmp_path: Path) -> None:
    path = write(tmp_path, row("09:35:00", "SPY", ",,,,691.02"), name=f"{DAY}.csv.gz")
    tell(tmp_path, date=str(DAY), kind="prints", cadence_seconds=300, note="prints", labels=["a"])
    tape = Tape.load(path)
    assert (tape.kind, tape.note, tape.sidecar.labels) == ("prints", "prints", ("a",))
    assert ReplayMarket(tape, SetClock()).cadence_seconds == 300
    assert ReplayMarket(tape, SetClock()).date == DAY


def test_a_tape_without_json_or_with_a_null_cadence_has_none(tmp_path: Path) -> None:
    path = write(tmp_path, row("09:35:00", "SPY", ",,,,691.02"))
    assert market(path, SetClock()).cadence_seconds is None
    tell(tmp_path, cadence_seconds=None)
    assert market(path, SetClock()).cadence_seconds is None


class TestClosesOfEarlierDays:
    YESTERDAY = DAY - timedelta(days=1)

    def a_market(self, folder: Path) -> ReplayMarket:
        return market(write(folder, row("09:35:00", "SPY", ",,,,691.02")), SetClock())

    def test_the_tape_tells_those_of_the_session_before(self, tmp_path: Path) -> None:
        tell(tmp_path, closes_before={"date": str(self.YESTERDAY), "SPY": 740.8, "SPX": 7418.53})
        closes = self.a_market(tmp_path).official_closes(self.YESTERDAY)
        assert closes is not None
        assert (closes.spy, closes.spx) == (740.8, 7418.53)
        assert self.a_market(tmp_path).official_closes(DAY - timedelta(days=2)) is None

    def test_a_tape_of_that_day_beside_it_tells_them_too(self, tmp_path: Path) -> None:
        told = {"closes": {"SPY": 740.8, "SPX": 7418.53}}
        (tmp_path / f"{self.YESTERDAY}.json").write_text(json.dumps(told))
        closes = self.a_market(tmp_path).official_closes(self.YESTERDAY)
        assert closes is not None
        assert (closes.spy, closes.spx) == (740.8, 7418.53)

    def test_a_tape_may_tell_those_of_several_sessions(self, tmp_path: Path) -> None:
        days = [self.YESTERDAY, DAY - timedelta(days=2)]
        told = [{"date": str(day), "SPY": 740.8, "SPX": 7418.53} for day in days]
        tell(tmp_path, closes_before=told)
        source = self.a_market(tmp_path)
        assert all(source.official_closes(day) for day in days)

    def test_what_a_tape_tells_of_its_own_day_goes_before_a_tape_beside_it(
        self, tmp_path: Path
    ) -> None:
        told = {"closes": {"SPY": 740.8, "SPX": 7418.53}}
        (tmp_path / f"{self.YESTERDAY}.json").write_text(json.dumps(told))
        tell(tmp_path, closes_before=[])
        assert self.a_market(tmp_path).official_closes(self.YESTERDAY) is None

    def test_otherwise_they_are_not_known(self, tmp_path: Path) -> None:
        assert self.a_market(tmp_path).official_closes(self.YESTERDAY) is None


class TestOfficialCloses:
    def rows(self) -> list[str]:
        return [
            row("15:59:59", "SPY", ",,,,743.25"),
            row("15:59:59", "SPX", ",,,,7437.00"),
            row("16:10:00", "SPY", ",,,,744.00"),
            row("16:14:59", "SPX", ",,,,7437.63"),
            row("16:25:00", "SPX", ",,,,9999.00"),
        ]

    def test_are_not_known_before_the_close_nor_for_another_day(self, tmp_path: Path) -> None:
        clock = SetClock("15:59:59")
        source = market(write(tmp_path, *self.rows()), clock)
        assert source.official_closes(DAY) is None
        clock.set("16:00:00")
        assert source.official_closes(DAY) is not None
        assert source.official_closes(DAY + timedelta(days=1)) is None

    def test_by_rows_are_the_published_spx_and_the_last_spy_up_to_the_close(
        self, tmp_path: Path
    ) -> None:
        closes = market(write(tmp_path, *self.rows()), SetClock("16:20:00")).official_closes(DAY)
        assert closes is not None
        assert (closes.spy, closes.spx) == (743.25, 7437.63)
        assert "the SPY close is not official" in closes.source

    def test_by_rows_of_delayed_chains_are_said_to_be_after_hours_values(
        self, tmp_path: Path
    ) -> None:
        tell(tmp_path, kind="quotes")
        closes = market(write(tmp_path, *self.rows()), SetClock("16:20:00")).official_closes(DAY)
        assert closes is not None
        assert "after-hours value" in closes.source

    def test_of_the_json_are_preferred(self, tmp_path: Path) -> None:
        tell(tmp_path, closes={"SPY": 741.69, "SPX": 7437.63, "source": "exchange"})
        closes = market(write(tmp_path, *self.rows()), SetClock("16:00:00")).official_closes(DAY)
        assert closes is not None
        assert (closes.spy, closes.spx, closes.source) == (741.69, 7437.63, "exchange")

    def test_are_not_made_up_from_a_row_long_before_the_close(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, row("14:14:00", "SPY", ",,,,743.25"), row("14:14:00", "SPX", ",,,,7437.00")
        )
        assert market(path, SetClock("17:00:00")).official_closes(DAY) is None

    def test_of_a_half_day_are_those_at_its_own_close(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, row("13:00:00", "SPX", ",,,,7437.63"), row("13:00:00", "SPY", ",,,,743.25")
        )
        source = market(path, SetClock("13:00:00"), close=time(13))
        closes = source.official_closes(DAY)
        assert closes is not None
        assert closes.spy == 743.25


class TestABadTapeIsRefusedInWords:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (row("09:35:00", "QQQ", ",,,,1"), "line 2: symbol is unknown: neither SPY nor SPX"),
            (row("09:35:00", "SPYW260126C00691000", ",,,,1"), r"not of SPYW \(nearest: SP"),
            (row("09:35:00", "SPY", ",,,,x"), "line 2: last 'x' is no number"),
            (row("09:35:00", "SPY", ",,,,1_0"), "last '1_0' is no number"),
            (row("09:35:00", "SPY", ",,,,nan"), "last 'nan' is no number"),
            (row("09:35:00", "SPY", ",,,,inf"), "last 'inf' is no number"),
            (row("09:35:00", "SPY", ",,,,1e999"), "last 1e999 is no finite number"),
            (row("09:35:00", SPY_691.symbol, "-1.5,2,,,"), "bid -1.5 is negative"),
            (row("09:35:00", SPY_691.symbol, "1,2,-3,,"), "bid_size '-3' is no whole number"),
            (row("09:35:00", SPY_691.symbol, "1,2,3.5,,"), "bid_size '3.5' is no whole number"),
            (row("09:35:00", "SPY", ",,,691"), "6 fields, where 7 are needed"),
            ("2026-01-26T09:35:00,SPY,,,,,691", "has no offset from UTC"),
            ("26.1.2026 9:35,SPY,,,,,691", "is no time in ISO 8601"),
            ("2026-01-27T09:35:00-05:00,SPY,,,,,691", "is not on 2026-01-26"),
            ("2026-01-26T02:00:00Z,SPY,,,,,691", "is not on 2026-01-26"),
        ],
    )
    def test_with_the_line_and_the_value(self, tmp_path: Path, line: str, words: str) -> None:
        path = write(tmp_path, line)
        with pytest.raises(MendInput, match=words) as error:
            Tape.load(path)
        assert str(path) in str(error.value)

    def test_when_its_rows_are_out_of_order(self, tmp_path: Path) -> None:
        path = write(
            tmp_path, row("09:36:00", "SPY", ",,,,691"), row("09:35:00", "SPX", ",,,,6930")
        )
        with pytest.raises(
            MendInput, match=r"line 3: .*09:35:00-05:00 comes after a row of .*09:3"
        ):
            Tape.load(path)

    def test_with_its_first_five_faults_at_once(self, tmp_path: Path) -> None:
        path = write(tmp_path, *(row("09:35:00", "SPY", ",,,,x") for _ in range(9)))
        with pytest.raises(MendInput, match=r"line 2: .*line 6: .*and 4 more") as error:
            Tape.load(path)
        assert "line 7" not in str(error.value)

    def test_with_all_faults_of_one_line(self, tmp_path: Path) -> None:
        path = write(tmp_path, row("09:35", "QQQ", "x,-2,,,"))
        with pytest.raises(
            MendInput, match=r"symbol is unknown.*bid 'x' is no.*ask -2 is negative"
        ):
            Tape.load(path)

    def test_when_it_is_missing_with_the_nearest_names(self, tmp_path: Path) -> None:
        write(tmp_path, row("09:35:00", "SPY", ",,,,691"))
        with pytest.raises(MendInput, match=r"no such tape; the nearest names .* 2026-01-26\.csv"):
            Tape.load(tmp_path / "2026-01-27.csv")

    def test_when_its_folder_is_missing_or_empty(self, tmp_path: Path) -> None:
        with pytest.raises(MendInput, match="does not exist either"):
            Tape.load(tmp_path / "tapes" / f"{DAY}.csv")
        with pytest.raises(MendInput, match="holds no tape"):
            Tape.load(tmp_path / f"{DAY}.csv")

    def test_a_folder_that_nobody_named_is_not_spoken_of(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "data").mkdir()
        with pytest.raises(MendInput, match=r"data: this is a folder.*the folder data holds no"):
            Tape.load(Path("data"))
        with pytest.raises(MendInput, match=r"nothing: there is no such file.*-26\.csv\.$"):
            Tape.load(Path("nothing"))

    @pytest.mark.parametrize(
        "name", ["day.csv", "2026-13-01.csv", f"{DAY}.feather", "20260126.csv"]
    )
    def test_when_it_is_not_named_after_a_session(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(MendInput, match=r"named after its session|name is no date"):
            Tape.load(tmp_path / name)

    @pytest.mark.parametrize("name", [f"{DAY}.csv", f"{DAY}.csv.gz"])
    def test_when_it_is_empty(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(MendInput, match="the file is empty"):
            Tape.load(tmp_path / name)

    def test_when_it_has_a_header_and_nothing_else(self, tmp_path: Path) -> None:
        with pytest.raises(MendInput, match="holds no rows"):
            Tape.load(write(tmp_path))

    def test_when_it_has_other_columns(self, tmp_path: Path) -> None:
        path = write(tmp_path, row("09:35:00", "SPY", ",,,,691"), header="time,symbol,bid,ask")
        with pytest.raises(MendInput, match="line 1: the columns are 'time,symbol,bid,ask'"):
            Tape.load(path)

    @pytest.mark.parametrize("kept", [5, 40, -5])
    def test_when_its_gzip_is_cut_off(self, tmp_path: Path, kept: int) -> None:
        path = write(tmp_path, row("09:35:00", "SPY", ",,,,691"), name=f"{DAY}.csv.gz")
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(MendInput, match="cut off or no gzip file"):
            Tape.load(path)

    def test_when_it_is_no_gzip_or_no_text_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / f"{DAY}.csv.gz"
        path.write_bytes(b"PK\x03\x04 something else")
        with pytest.raises(MendInput, match="cut off or no gzip file"):
            Tape.load(path)
        path = tmp_path / f"{DAY}.csv"
        path.write_bytes(b"\xff\xfe\x00t\x00i")
        with pytest.raises(MendInput, match="no UTF-8 text"):
            Tape.load(path)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{", "no sound JSON"),
            ("[]", "one JSON object"),
            ('{"date": "2026-01-27"}', "date is '2026-01-27'"),
            ('{"cadence_seconds": "fast"}', "cadence_seconds is 'fast', but must be a positive"),
            ('{"cadence_seconds": 0}', "cadence_seconds is 0"),
            ('{"kind": 1}', "kind is 1, but must be a text"),
            ('{"labels": "a"}', "labels is 'a', but must be a list"),
            ('{"closes": {"SPY": 1}}', "closes is"),
            ('{"closes": {"SPY": NaN, "SPX": 1}}', "closes is"),
            ('{"closes_before": {"SPY": 1, "SPX": 10}}', "closes_before is"),
            ('{"closes_before": [{"SPY": 1, "SPX": 10}]}', "closes_before is"),
            ('{"closes_before": 7}', "closes_before is 7"),
            ('{"closes_before": {"date": "2999-01-01", "SPY": 1, "SPX": 10}}', "an earlier day"),
        ],
    )
    def test_when_the_json_beside_it_is_not_sound(
        self, tmp_path: Path, text: str, words: str
    ) -> None:
        path = write(tmp_path, row("09:35:00", "SPY", ",,,,691"))
        (tmp_path / f"{DAY}.json").write_text(text, encoding="utf-8")
        with pytest.raises(MendInput, match=words):
            Tape.load(path)
