"""The fake Alpaca speaks so that the unmodified library, models and all, understands it."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from tests.fakes.alpaca_desk import SPX, SPY, AlpacaDesk, a_desk
from tests.fakes.alpaca_library import (
    APIError,
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    OptionChainRequest,
    OptionHistoricalDataClient,
    OptionLatestQuoteRequest,
    OrderSide,
    PositionIntent,
    StockHistoricalDataClient,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    TimeInForce,
    TradingClient,
)
from tests.fakes.alpaca_server import KEYS
from tests.fakes.builders import DAY

Answers: TypeAlias = Any
"""The library says that each answer is a model or plain data; here it is a model."""


@pytest.fixture
def desk() -> Iterator[AlpacaDesk]:
    with a_desk() as found:
        yield found


@pytest.fixture
def trading(desk: AlpacaDesk) -> Iterator[Any]:
    client = TradingClient(*KEYS, url_override=desk.server.url)
    yield client
    client._session.close()


def order(symbol: str, side: str, **fields: float | str) -> LimitOrderRequest:
    return LimitOrderRequest(
        symbol=symbol,
        qty=1,
        side=OrderSide(side),
        time_in_force=TimeInForce.DAY,
        position_intent=PositionIntent(f"{side}_to_open"),
        **fields,
    )


def test_an_order_goes_from_submission_to_position(desk: AlpacaDesk, trading: Answers) -> None:
    sent = trading.submit_order(order(SPX.symbol, "buy", limit_price=23.4, client_order_id="a"))
    found = trading.get_order_by_client_id("a")
    assert (sent.id, found.status.value, found.filled_qty) == (found.id, "filled", "1")
    assert trading.get_order_by_id(sent.id).filled_avg_price == "23.4"
    assert [each.symbol for each in trading.get_all_positions()] == [SPX.symbol]
    (fill,) = trading.get("/account/activities", {"activity_types": "FILL"})
    assert fill["order_id"] == str(sent.id)
    assert desk.broker.holdings()


def test_an_order_is_cancelled_in_two_steps(desk: AlpacaDesk, trading: Answers) -> None:
    sent = trading.submit_order(order(SPX.symbol, "buy", limit_price=20, client_order_id="a"))
    trading.cancel_order_by_id(sent.id)
    assert trading.get_order_by_id(sent.id).status.value == "pending_cancel"
    assert len(trading.get_orders(GetOrdersRequest(limit=5))) == 1
    desk.wait(1)
    assert trading.get_orders() == []
    with pytest.raises(APIError) as error:
        trading.cancel_order_by_id(sent.id)
    assert error.value.status_code == 422


@pytest.mark.parametrize(
    ("symbol", "fields", "status", "code"),
    [
        (SPY.symbol, {"limit_price": 2.98}, 403, 40310000),
        (SPX.symbol, {"limit_price": 23.4}, 403, 40310000),
        (SPX.symbol, {"limit_price": 23.41}, 422, 42210000),
        ("SPXW260309C09999000", {"limit_price": 1}, 422, 42210000),
    ],
)
def test_orders_are_refused_by_the_published_table(
    trading: Answers, symbol: str, fields: dict[str, float], status: int, code: int
) -> None:
    with pytest.raises(APIError) as error:
        trading.submit_order(order(symbol, "sell", **fields))
    assert (error.value.status_code, error.value.code) == (status, code)


def test_covered_calls_are_allowed(desk: AlpacaDesk, trading: Answers) -> None:
    desk.exchange.shares = 100
    assert trading.submit_order(order(SPY.symbol, "sell", limit_price=2.98)).id


def test_account_clock_calendar_and_contracts_are_understood(trading: Answers) -> None:
    assert trading.get_account().options_trading_level == 3
    assert trading.get_clock().is_open
    (day,) = trading.get_calendar(GetCalendarRequest(start=DAY, end=DAY))
    assert day.date == DAY
    wanted = GetOptionContractsRequest(underlying_symbols=["SPX"], root_symbol="SPXW")
    assert trading.get_account_configurations().max_options_trading_level == 3
    found = trading.get_option_contracts(wanted).option_contracts
    assert [each.symbol for each in found] == [SPX.symbol]


def test_quotes_and_chains_are_understood(desk: AlpacaDesk) -> None:
    options = OptionHistoricalDataClient(*KEYS, url_override=desk.server.url)
    stocks = StockHistoricalDataClient(*KEYS, url_override=desk.server.url)
    quotes: Any = options.get_option_latest_quote(
        OptionLatestQuoteRequest(symbol_or_symbols=[SPX.symbol, SPY.symbol])
    )
    assert quotes[SPX.symbol].ask_price == 23.4
    chain: Any = options.get_option_chain(OptionChainRequest(underlying_symbol="SPX"))
    assert chain[SPX.symbol].latest_quote.bid_price == 23.0
    spy: Any = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))
    assert spy["SPY"].bid_price == 600.24
    trade: Any = stocks.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="SPY"))
    assert trade["SPY"].price == pytest.approx(600.25)
    for client in (options, stocks):
        client._session.close()
