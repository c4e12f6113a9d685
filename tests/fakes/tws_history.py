"""Historical bars of the fake TWS: message 20 in, message 17 out, within the published limits.

More than 60 requests within ten minutes are a pacing violation, and one for BID_ASK counts twice;
options that have expired have no history. Of BID_ASK bars the open is the average bid, the close
the average ask, the low the least bid and the high the greatest ask.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from src.models import NEW_YORK, OptionContract
from tests.fakes import tws_wire as wire
from tests.fakes.past_market import PastMarket
from tests.fakes.tws_wire import Fields, WireContract
from utils.option_symbols import parse_symbol

if TYPE_CHECKING:
    from tests.fakes.tws_server import Client, FakeTws

_ERROR = 162
_WORDS = "Historical Market Data Service error message:"
_WINDOW, _LIMIT = timedelta(minutes=10), 60
SPREAD = 0.10


@dataclass
class TwsHistory:
    """Past sessions by day; refusals are scripted as code and words, one a request."""

    server: "FakeTws"
    markets: list[PastMarket] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    asked: list[tuple[datetime, str, str, int]] = field(default_factory=list)
    """When, for what, which bars were asked for, and what that cost."""
    counts: bool = True
    most: int | None = None
    """After so many requests nothing more is answered than an error."""

    def bars(self, client: "Client", fields: list[str]) -> None:
        """Answer one request."""
        request, found = fields[1], self.server.book.matching(fields[2:14])
        end, size, duration, rth, shown, form = fields[15:21]
        if len(found) != 1:
            client.send(wire.error(request, 200, "No security definition has been found"))
            return
        name, now = found[0].local_symbol, self.server.now()
        self.asked.append((now, name.replace(" ", ""), shown, 2 if shown == "BID_ASK" else 1))
        if self.refusals:
            client.send(wire.error(request, *self.refusals.pop(0)))
        elif self.most is not None and len(self.asked) > self.most:
            client.send(wire.error(request, 366, "No historical data query found"))
        elif self.counts and self._spent(now) > _LIMIT:
            client.send(
                wire.error(request, _ERROR, f"{_WORDS}Historical data request pacing violation")
            )
        elif (size, duration, rth, form) not in {
            ("1 min", "1 D", "1", "2"),
            ("1 day", "1 D", "1", "2"),
        }:
            client.send(wire.error(request, 321, "Error validating request"))
        elif rows := list(self._rows(found[0], _moment(end), size, shown)):
            body = [part for row in rows for part in row]
            client.send([17, request, "", "", len(rows), *body])
        else:
            words = f"{_WORDS}HMDS query returned no data: {name}@SMART Trades"
            client.send(wire.error(request, _ERROR, words))

    def _spent(self, now: datetime) -> int:
        return sum(cost for at, _, _, cost in self.asked if now - at < _WINDOW)

    def _rows(
        self, listing: WireContract, end: datetime, size: str, shown: str
    ) -> Iterator[Fields]:
        for market in self.markets:
            session = market.session
            if session.day != end.date():
                continue
            if size == "1 day":
                close = market.closes(listing.symbol)[-1][1]
                yield [f"{session.day:%Y%m%d}", close, close, close, close, 1000, close, 10]
            elif listing.sec_type != "OPT":
                for at, close in market.closes(listing.symbol):
                    volume = -1 if listing.sec_type == "IND" else 900
                    yield [int(at.timestamp()), close, close, close, close, volume, close, 10]
            elif session.day >= self.server.now().date():
                yield from self._option_rows(market, listing, shown)

    @staticmethod
    def _option_rows(market: PastMarket, listing: WireContract, shown: str) -> Iterator[Fields]:
        option: OptionContract = parse_symbol(listing.local_symbol)
        traded = {at: (price, volume) for at, price, volume in market.trades(option)}
        for number, at in market.minutes():
            stamp, middle = int(at.timestamp()), market.option(option, number)
            if shown == "BID_ASK":
                bid, ask = middle - SPREAD / 2, middle + SPREAD / 2
                if bid > 0:
                    yield [stamp, bid, ask + 0.2, bid - 0.04, ask, -1, -1, -1]
            elif at in traded:
                price, volume = traded[at]
                yield [stamp, price, price, price, price, volume, price, 3]
            else:
                # A minute without a trade repeats the last price, with a volume of nothing.
                yield [stamp, middle, middle, middle, middle, 0, middle, 0]


def _moment(text: str) -> datetime:
    """Return a moment written in UTC, as New York has it."""
    return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).astimezone(NEW_YORK)
