"""From a quote to both orders acknowledged: `python tests/benchmarks/ibkr_orders.py [ROUNDS]`.

A TWS in a process of its own answers on loopback. In each round both clients have just received
new quotes. Each then reads them, sends the SPXW order, waits for its acknowledgement, and does the
same with the SPY order: our client, and in turn bare ib_async on an event loop of the main thread.
"""

import asyncio
import multiprocessing
import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ib_async import IB, LimitOrder, Option, Ticker, Trade

from brokers.ibkr_client import IbkrBroker
from brokers.ibkr_contracts import IbkrContracts
from brokers.ibkr_link import IbkrLink
from brokers.ibkr_market import IbkrMarket
from src.fees import FeeSchedule
from src.models import NEW_YORK, Answer
from tests.fakes.builders import spxw_call, spy_call
from tests.fakes.tws_desk import a_sale, an_intent
from tests.fakes.tws_server import FakeTws
from utils.market_clock import WallClock

TODAY = datetime.now(NEW_YORK).date()
SPXW, SPY = spxw_call(day=TODAY), spy_call(day=TODAY)
WARM_UP = 20
PAUSE = 0.06
"""Seconds between rounds: the library itself sends no more than 45 messages a second."""


def serve(pipe: Connection) -> None:
    """Show a new market whenever the pipe says one, with no order left over."""
    with FakeTws(lambda: datetime.now(UTC).astimezone(NEW_YORK)) as server:
        server.quote(SPXW, 23.0, 23.4)
        server.quote(SPY, 2.98, 3.02)
        pipe.send(server.port)
        while (bid := pipe.recv()) is not None:
            server.do(server.book.orders.clear)
            server.quote(SPXW, bid, bid + 0.4)
            server.quote(SPY, 2.98, 3.02)
            pipe.send(bid)


class Bare:
    """The same calls with nothing but the library."""

    def __init__(self, port: int) -> None:
        self.ib = IB()
        self.ib.connect("127.0.0.1", port, clientId=1, timeout=5)
        day = f"{TODAY:%Y%m%d}"
        self.spx = Option("SPX", day, 6000, "C", "SMART", "100", "USD", tradingClass="SPXW")
        self.spy = Option("SPY", day, 600, "C", "SMART", "100", "USD", tradingClass="SPY")
        self.ib.qualifyContracts(self.spx, self.spy)
        self.tickers = [self.ib.reqMktData(each) for each in (self.spx, self.spy)]
        self.count = 0

    def wait_for(self, bid: float) -> None:
        while self.tickers[0].bid != bid:
            self.ib.sleep(0.001)

    def round(self) -> float:
        """Return the seconds of one round."""
        return float(asyncio.get_event_loop().run_until_complete(self._round()))

    async def _round(self) -> float:
        begin = time.perf_counter()
        assert all(_is_live(each) for each in self.tickers)
        await self._place(self.spx, "BUY", 1, 20.0)
        await self._place(self.spy, "SELL", 10, 3.5)
        return time.perf_counter() - begin

    async def _place(self, contract: Option, action: str, size: int, limit: float) -> None:
        self.count += 1
        order = LimitOrder(
            action, size, limit, tif="DAY", orderRef=f"bare-{self.count}", account="DU1234567"
        )
        taken = asyncio.Event()

        def on_status(trade: Trade) -> None:
            if trade.orderStatus.status == "Submitted":
                taken.set()

        self.ib.placeOrder(contract, order).statusEvent += on_status
        await asyncio.wait_for(taken.wait(), 5)


def _is_live(ticker: Ticker) -> bool:
    return ticker.marketDataType == 1 and ticker.hasBidAsk()


class Ours:
    """The client and the quotes of this program."""

    def __init__(self, port: int) -> None:
        self.link = IbkrLink("127.0.0.1", port, 17, "", paper=True, patience=lambda: 5.0)
        contracts, clock = IbkrContracts(self.link), WallClock()
        self.market = IbkrMarket(self.link, contracts, clock)
        self.broker = IbkrBroker(self.link, contracts, clock, FeeSchedule())
        self.market.quotes([SPXW, SPY])
        self.count = 0

    def wait_for(self, bid: float) -> None:
        while self.market.quotes([SPXW])[SPXW].bid != bid:
            time.sleep(0.001)

    def round(self) -> float:
        """Return the seconds of one round."""
        self.count += 1
        bought = an_intent(SPXW, limit="20.00", attempt=self.count)
        sold = replace(a_sale(limit="3.50", attempt=self.count), contract=SPY)
        begin = time.perf_counter()
        quotes = self.market.quotes([SPXW, SPY])
        assert len(quotes) == 2
        for intent in (bought, sold):
            outcome = self.broker.submit(intent)
            assert outcome.answer is Answer.ACCEPTED, outcome
        return time.perf_counter() - begin


def main() -> None:
    """Print the medians, and the median of the ratios of the pairs."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    server.start()
    port = here.recv()
    bare, ours = Bare(port), Ours(port)
    with_ours, with_bare = [], []
    for number in range(rounds + WARM_UP):
        time.sleep(PAUSE)
        here.send(23.0 + number % 10)
        bid = here.recv()
        seconds = {}
        for each in (bare, ours) if number % 2 else (ours, bare):
            each.wait_for(bid)
            seconds[each] = each.round()
        if number >= WARM_UP:
            with_bare.append(seconds[bare])
            with_ours.append(seconds[ours])
    bare.ib.disconnect()
    ours.link.close()
    here.send(None)
    server.join()
    ratio = statistics.median(a / b for a, b in zip(with_ours, with_bare, strict=True))
    print(f"rounds                                  {rounds}")
    print(f"quote to both orders, bare ib_async     {1000 * statistics.median(with_bare):.2f} ms")
    print(f"quote to both orders, this program      {1000 * statistics.median(with_ours):.2f} ms")
    print(f"this program / bare ib_async            {ratio:.2f}")


if __name__ == "__main__":
    main()
