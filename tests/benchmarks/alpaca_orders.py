"""How long both orders take: `python tests/benchmarks/alpaca_orders.py [ROUNDS]`.

From asking for the two quotes to both orders acknowledged, on loopback against the fake Alpaca:
with this program's client, and with the same calls of the bare alpaca-py, in turn within one run.
Then the time and memory of a process that makes a first call, against one that only imports the
library.
"""

import statistics
import subprocess
import sys
import time
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from brokers.alpaca_client import AlpacaBroker  # noqa: E402
from brokers.alpaca_link import AlpacaLink  # noqa: E402
from brokers.alpaca_market import AlpacaMarket  # noqa: E402
from src.fees import FeeSchedule  # noqa: E402
from src.models import Answer, Leg, OptionContract, OrderIntent, Purpose, Side  # noqa: E402
from tests.fakes.alpaca_exchange import AlpacaExchange  # noqa: E402
from tests.fakes.alpaca_server import KEYS, running  # noqa: E402
from tests.fakes.builders import DAY, a_clock, a_session, spxw_call, spy_call  # noqa: E402

SPY, SPX = spy_call(), spxw_call()
CLOCK = a_clock()
LIBRARY = """
import warnings; warnings.simplefilter("ignore")
import alpaca.trading.client, alpaca.data.historical.option, alpaca.data.historical.stock
"""
FIRST_CALL = """
import sys; sys.path.insert(0, {project!r})
from brokers.alpaca_link import AlpacaLink
from brokers.alpaca_client import AlpacaBroker
from brokers.alpaca_market import AlpacaMarket
from src.fees import FeeSchedule
from tests.fakes.builders import a_clock, a_session
link = AlpacaLink({key!r}, {secret!r}, paper=True, clock=a_clock(), patience=lambda: 5.0,
                  trading_url={url!r}, data_url={url!r})
broker = AlpacaBroker(link, a_session(), a_clock(), FeeSchedule())
broker.account(); AlpacaMarket(link, a_session(), a_clock()).prices()
"""


class Ours:
    """This program's client."""

    def __init__(self, url: str) -> None:
        self.link = AlpacaLink(
            *KEYS, paper=True, clock=CLOCK, patience=lambda: 5.0, trading_url=url, data_url=url
        )
        self.broker = AlpacaBroker(self.link, a_session(), CLOCK, FeeSchedule())
        self.market = AlpacaMarket(self.link, a_session(), CLOCK)
        self.attempt = 0

    def trade(self) -> None:
        """Ask for both quotes and send both orders."""
        quotes = self.market.quotes((SPX, SPY))
        self._send(SPX, Side.BUY, 1, quotes[SPX].ask)
        self._send(SPY, Side.SELL, 10, quotes[SPY].bid)

    def _send(
        self, contract: OptionContract, side: Side, quantity: int, price: float | None
    ) -> None:
        self.attempt += 1
        leg = Leg.SPY if contract.root == "SPY" else Leg.SPX
        limit = Decimal(str(price))
        intent = OrderIntent(
            session=DAY,
            spread_no=1,
            leg=leg,
            purpose=Purpose.OPEN,
            attempt=self.attempt,
            contract=contract,
            side=side,
            quantity=quantity,
            limit=limit,
            created_at=CLOCK.now(),
        )
        outcome = self.broker.submit(intent)
        if outcome.answer is not Answer.ACCEPTED:
            raise RuntimeError(outcome.text)


class Bare:
    """The same calls of alpaca-py alone, with its models."""

    def __init__(self, url: str) -> None:
        from alpaca.data.historical.option import OptionHistoricalDataClient  # noqa: PLC0415
        from alpaca.trading.client import TradingClient  # noqa: PLC0415

        self.trading = TradingClient(*KEYS, paper=True, url_override=url)
        self.data = OptionHistoricalDataClient(*KEYS, url_override=url)
        self.attempt = 0

    def trade(self) -> None:
        """Ask for both quotes and send both orders."""
        from alpaca.data.requests import OptionLatestQuoteRequest  # noqa: PLC0415

        request = OptionLatestQuoteRequest(symbol_or_symbols=[SPX.symbol, SPY.symbol])
        quotes: Any = self.data.get_option_latest_quote(request)
        self._send(SPX, "buy", 1, quotes[SPX.symbol].ask_price)
        self._send(SPY, "sell", 10, quotes[SPY.symbol].bid_price)

    def _send(self, contract: OptionContract, side: str, quantity: int, price: float) -> None:
        from alpaca.trading.enums import OrderSide, PositionIntent, TimeInForce  # noqa: PLC0415
        from alpaca.trading.requests import LimitOrderRequest  # noqa: PLC0415

        self.attempt += 1
        self.trading.submit_order(
            LimitOrderRequest(
                symbol=contract.symbol,
                qty=quantity,
                side=OrderSide(side),
                time_in_force=TimeInForce.DAY,
                limit_price=price,
                client_order_id=f"bare-{self.attempt}",
                position_intent=PositionIntent(f"{side}_to_open"),
            )
        )


class Roomy(AlpacaExchange):
    """An account in which money is no question."""

    def buying_power(self) -> Decimal:
        """Return more than anybody spends."""
        return Decimal(10**9)


def serve() -> None:
    """Run the fake Alpaca in a process of its own until the input ends."""
    exchange = Roomy(CLOCK.now)
    exchange.allows_naked = True
    exchange.quote(SPY, 2.98, 3.02)
    exchange.quote(SPX, 23.00, 23.40)
    exchange.quote_spy(600.24, 600.26)
    with running(exchange) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def seconds_of(client: Ours | Bare) -> float:
    """Return the wall time from the question for quotes to both acknowledgements."""
    begin = time.perf_counter()
    client.trade()
    return time.perf_counter() - begin


def process(code: str) -> tuple[float, float]:
    """Return wall seconds and peak megabytes of a process."""
    tail = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + tail], check=True, capture_output=True, text=True
    )
    kilobytes = 1 if sys.platform != "darwin" else 1024
    return time.perf_counter() - begin, int(done.stdout.split()[-1]) / 1024 / kilobytes


def main() -> None:
    """Print medians and ratios of pairs."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    warnings.simplefilter("ignore")
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdout is None or server.stdin is None:
            raise RuntimeError("the server has no input or output")
        measure(server.stdout.readline().strip(), rounds)
        server.stdin.close()


def measure(url: str, rounds: int) -> None:
    """Print what is found against the server at `url`."""
    ours, bare = Ours(url), Bare(url)
    pairs = []
    for each in range(rounds + 20):
        first: Ours | Bare = ours if each % 2 else bare
        second: Ours | Bare = bare if each % 2 else ours
        found = {type(client): seconds_of(client) for client in (first, second)}
        if each >= 20:
            pairs.append((found[Ours], found[Bare]))
    print(f"rounds                                   {rounds}")
    print(f"quotes to both orders, this client       {median(pairs, 0) * 1000:.2f} ms")
    print(f"quotes to both orders, bare alpaca-py    {median(pairs, 1) * 1000:.2f} ms")
    print(f"ratio, median of pairs (at most 1.2)     {ratio(pairs):.2f}")
    key, secret = KEYS
    code = FIRST_CALL.format(project=str(PROJECT), key=key, secret=secret, url=url)
    starts = [(process(code), process(LIBRARY)) for _ in range(5)]
    times = [(a[0], b[0]) for a, b in starts]
    sizes = [(a[1], b[1]) for a, b in starts]
    print(f"start to first answers                   {median(times, 0):.2f} s")
    print(f"importing alpaca-py                      {median(times, 1):.2f} s")
    print(f"ratio (at most 1.25)                     {ratio(times):.2f}")
    print(f"peak memory, first answers               {median(sizes, 0):.0f} MB")
    print(f"peak memory, importing alpaca-py         {median(sizes, 1):.0f} MB")
    print(f"ratio (at most 1.25)                     {ratio(sizes):.2f}")
    ours.link.close()


def median(pairs: list[tuple[float, float]], index: int) -> float:
    """Return the median of one side of the pairs."""
    return statistics.median(each[index] for each in pairs)


def ratio(pairs: list[tuple[float, float]]) -> float:
    """Return the median of the ratios of pairs that were taken one after the other."""
    return statistics.median(a / b for a, b in pairs)


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
