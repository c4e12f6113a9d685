"""alpaca-py as tests use it, imported without the warning that its streams give."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from alpaca.common.exceptions import APIError
    from alpaca.data.historical.option import OptionHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient
    from alpaca.data.requests import (
        OptionChainRequest,
        OptionLatestQuoteRequest,
        StockLatestQuoteRequest,
        StockLatestTradeRequest,
    )
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, PositionIntent, TimeInForce
    from alpaca.trading.requests import (
        GetCalendarRequest,
        GetOptionContractsRequest,
        GetOrdersRequest,
        LimitOrderRequest,
    )

__all__ = [
    "APIError",
    "GetCalendarRequest",
    "GetOptionContractsRequest",
    "GetOrdersRequest",
    "LimitOrderRequest",
    "OptionChainRequest",
    "OptionHistoricalDataClient",
    "OptionLatestQuoteRequest",
    "OrderSide",
    "PositionIntent",
    "StockHistoricalDataClient",
    "StockLatestQuoteRequest",
    "StockLatestTradeRequest",
    "TimeInForce",
    "TradingClient",
]
