"""The connection to Alpaca, and the only file that knows alpaca-py.

The library waits for ever, sends a POST again on 429 and 504, and raises from its own errors. Here
every call has a time-out, is made once, and ends in an answer or in one of three exceptions, all
of them RetryLater: `NotAsked` (nothing was sent), `Unanswered` (it may have arrived), `Refusal`
(an HTTP status of 400 or more). All answers are plain JSON: a word that the library does not know
cannot hide an order.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from brokers.alpaca_budget import Budget
from brokers.alpaca_reply import error_words, is_json_object
from brokers.alpaca_transport import Patience, mount
from brokers.alpaca_words import why_no_data, why_unanswered
from src.models import OptionContract, OrderIntent, Purpose
from src.ports import Clock, MendInput, RetryLater, StopTrading
from src.ticks import limit_for

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient
    from alpaca.trading.client import TradingClient

__all__ = ["AlpacaLink", "NotAsked", "Patience", "Refusal", "Unanswered"]

PAPER_URL = "https://paper-api.alpaca.markets"
LIVE_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
_KEPT_FOR_EXITS = 20
"""Calls of a minute's 200 that only cancels, look-ups and closing orders may use."""
_NEW_KEYS = "the keys are no longer valid: put new ones into .env and start again"
Params = Mapping[str, str | int | float]


class NotAsked(RetryLater):
    """Nothing has left this machine."""


class Unanswered(RetryLater):
    """The call may have reached the server; what it answered is not known."""


class Refusal(RetryLater):
    """The server answered with an error: its status, its code and its words where it gave any."""

    def __init__(self, what: str, status: int, body: str) -> None:
        self.status = status
        self.code, self.words = error_words(body)
        self.is_readable = is_json_object(body)
        said = f": {self.words}" if self.words else ""
        code = f", code {self.code}" if self.code else ""
        mend = f" ({_NEW_KEYS})" if status == 401 else ""
        super().__init__(f"Alpaca refused {what} (HTTP {status}{code}){said}{mend}")


class AlpacaLink:
    """One account's way to Alpaca: its trading server and its data server.

    `patience` returns the real seconds that the next call may wait, and raises RetryLater when
    this tick's time is used up; it is asked again whenever bytes are awaited, so that a server
    that answers drop by drop cannot hold the day up. Empty addresses are Alpaca's own.
    `is_watching` says that a position is open: quotes that are refused then may come back, and end
    nothing. Raises StopTrading for the keys of the other kind of account, MendInput for an address
    that is none.
    """

    def __init__(  # noqa: PLR0913 - keys, addresses and time
        self,
        api_key: str,
        api_secret: str,
        *,
        paper: bool,
        clock: Clock,
        patience: Patience,
        trading_url: str = "",
        data_url: str = "",
        other_url: str = "",
        is_watching: bool = False,
    ) -> None:
        if not api_key or not api_secret:
            missing = "broker.api_secret" if api_key else "broker.api_key"
            raise MendInput(f"{missing} is missing: put it in the environment or config/secrets.")
        self.paper = paper
        self._is_watching = is_watching
        self._keys = (api_key, api_secret)
        self._patience = patience
        own = PAPER_URL if paper else LIVE_URL
        self.trading_url = _base(trading_url) or own
        self.data_url = _base(data_url) or DATA_URL
        elsewhere = LIVE_URL if paper else PAPER_URL
        self._other_url = _base(other_url) or ("" if trading_url else elsewhere)
        self._trading_budget = Budget(clock, _KEPT_FOR_EXITS)
        self._data_budget = Budget(clock, 0)
        self._wait = 0.0
        self._known: set[str] = set()
        self._clients: list[RESTClient] = []
        self._check_kind_of_key()
        load_library()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        for client in self._clients:
            client._session.close()  # noqa: SLF001 - the library offers no other way

    # What the library offers, by its own methods where order matters.

    def submit(self, intent: OrderIntent) -> Mapping[str, Any]:
        """Send one day limit order and return the server's answer. Raises the three exceptions.

        The price is on the contract's grid, as a number of two places; the intent is explicit,
        for without it a sale may be taken for the opening of a short position.
        """
        from alpaca.trading.enums import OrderSide, PositionIntent, TimeInForce  # noqa: PLC0415
        from alpaca.trading.requests import LimitOrderRequest  # noqa: PLC0415

        price = limit_for(intent.contract, intent.side, intent.limit)
        if price <= 0:
            raise NotAsked(f"{intent.limit} is less than one price step of {intent.contract.root}")
        request = LimitOrderRequest(
            symbol=intent.contract.symbol,
            qty=intent.quantity,
            side=OrderSide(intent.side.value),
            time_in_force=TimeInForce.DAY,
            limit_price=float(price),
            client_order_id=intent.client_order_id,
            position_intent=PositionIntent(position_intent(intent)),
        )
        answer = self._call(
            "the order",
            self.trading_url,
            self._trading_budget,
            lambda: self._trading.submit_order(request),
            urgent=intent.purpose is Purpose.CLOSE,
        )
        if not isinstance(answer, dict):
            raise Unanswered("Alpaca's answer to the order cannot be read")
        return answer

    def cancel(self, order_id: str) -> None:
        """Ask for an order's cancellation; what is over or not known there is no error."""
        try:
            self._call(
                "the cancellation",
                self.trading_url,
                self._trading_budget,
                lambda: self._trading.delete(f"/orders/{order_id}"),
                urgent=True,
            )
        except Refusal as refusal:
            if refusal.status not in {404, 422}:
                raise

    def trading(
        self, path: str, params: Params | None = None, *, what: str, urgent: bool = False
    ) -> object:
        """Return what the trading server answers to GET /v2/<path>.

        Raises MendInput or StopTrading when the account's keys are refused before they were ever
        accepted, and RetryLater for all else.
        """
        try:
            answer = self._call(
                what,
                self.trading_url,
                self._trading_budget,
                lambda: self._trading.get(path, dict(params or {})),
                urgent=urgent,
            )
        except Refusal as refusal:
            if refusal.status in {401, 403} and "trading" not in self._known:
                self._explain_refused_keys(refusal)
            raise
        self._known.add("trading")
        return answer

    def options(self, path: str, params: Params, *, what: str) -> object:
        """Return what the data server answers to GET /v1beta1/<path>; raises as `trading`."""
        return self._data(self._option_data, path, params, what)

    def stocks(self, path: str, params: Params, *, what: str) -> object:
        """Return what the data server answers to GET /v2/<path>; raises as `trading`."""
        return self._data(self._stock_data, path, params, what)

    def _data(self, client: "RESTClient", path: str, params: Params, what: str) -> object:
        name = type(client).__name__
        try:
            answer = self._call(
                what, self.data_url, self._data_budget, lambda: client.get(path, dict(params))
            )
        except Refusal as refusal:
            if refusal.status in {401, 403} and name not in self._known:
                kind = RetryLater if self._is_watching else MendInput
                raise kind(why_no_data(refusal, what, str(params.get("feed", "")))) from refusal
            raise
        self._known.add(name)
        return answer

    # Keys.

    def _check_kind_of_key(self) -> None:
        key = self._keys[0]
        if self.paper and key.startswith("AK"):
            raise StopTrading(
                "broker.api_key begins with AK: it is a key for real money, and this is a paper"
                " run. Use the paper account's keys (PK...)."
            )
        if not self.paper and key.startswith("PK"):
            raise StopTrading(
                "broker.api_key begins with PK: it is a paper account's key, and this is a live"
                " run. Use the live account's keys (AK...), or leave --live away."
            )

    def _explain_refused_keys(self, refusal: Refusal) -> None:
        mode, other = ("paper", "live") if self.paper else ("live", "paper")
        if self._other_url and self._is_accepted_elsewhere():
            raise StopTrading(
                f"The keys belong to a {other} account of Alpaca, and this is a {mode} run:"
                f" set broker.api_key and broker.api_secret to the {mode} account's."
            ) from refusal
        raise MendInput(
            f"Alpaca does not accept the keys at {self.trading_url} (HTTP {refusal.status}"
            f"{', ' + refusal.words if refusal.words else ''}): set broker.api_key and"
            f" broker.api_secret to valid keys of the {mode} account."
        ) from refusal

    def _is_accepted_elsewhere(self) -> bool:
        try:
            other = self._client(self._trading_class, self._trading_budget, self._other_url)
            self._call("the keys", self._other_url, Budget.none(), lambda: other.get("/account"))
        except RetryLater:
            return False
        return True

    # One call, once.

    def _call(
        self,
        what: str,
        url: str,
        budget: Budget,
        ask: Callable[[], object],
        *,
        urgent: bool = False,
    ) -> object:
        from alpaca.common.exceptions import APIError  # noqa: PLC0415
        from requests import exceptions as http  # noqa: PLC0415
        from urllib3.exceptions import HTTPError, LocationValueError  # noqa: PLC0415

        try:
            budget.check(urgent=urgent)
            self._wait = self._patience()
        except RetryLater as error:
            raise NotAsked(str(error)) from error
        try:
            return ask()
        except APIError as error:
            status = _status(error)
            if status == 429:
                budget.is_used_up()
            raise Refusal(what, status, str(error)) from error
        except (
            http.InvalidSchema,
            http.InvalidURL,
            http.MissingSchema,
            LocationValueError,
        ) as error:
            raise MendInput(f"{url} is no address of a server: see broker.alpaca.") from error
        except RetryLater as error:
            raise Unanswered(f"{_host(url)} did not answer in time ({error})") from error
        except (http.RequestException, HTTPError, HTTPException, OSError) as error:
            raise Unanswered(why_unanswered(error, _host(url), self._wait)) from error
        except (ValueError, RecursionError) as error:
            raise Unanswered(f"{_host(url)} gave an answer that cannot be read") from error

    # The library's clients, made when they are first needed.

    @property
    def _trading_class(self) -> "type[TradingClient]":
        from alpaca.trading.client import TradingClient  # noqa: PLC0415

        return TradingClient

    @cached_property
    def _trading(self) -> "TradingClient":
        client: TradingClient = self._client(
            self._trading_class, self._trading_budget, self.trading_url
        )
        return client

    @cached_property
    def _option_data(self) -> "RESTClient":
        from alpaca.data.historical.option import OptionHistoricalDataClient  # noqa: PLC0415

        client: RESTClient = self._client(
            OptionHistoricalDataClient, self._data_budget, self.data_url
        )
        return client

    @cached_property
    def _stock_data(self) -> "RESTClient":
        from alpaca.data.historical.stock import StockHistoricalDataClient  # noqa: PLC0415

        client: RESTClient = self._client(
            StockHistoricalDataClient, self._data_budget, self.data_url
        )
        return client

    def _client(self, kind: Callable[..., Any], budget: Budget, url: str) -> Any:  # noqa: ANN401
        key, secret = self._keys
        client = kind(key, secret, raw_data=True, url_override=url)
        client._retry = 0  # noqa: SLF001 - the constructor has no such option
        mount(client._session, self._patience, lambda: self._wait, budget.heard)  # noqa: SLF001
        self._clients.append(client)
        return client


def load_library() -> None:
    """Import what alpaca-py brings along, which takes a while the first time."""
    with warnings.catch_warnings():
        # It brings its streams along, which are not used, on a deprecated part of websockets.
        warnings.simplefilter("ignore", DeprecationWarning)
        import alpaca.data.historical.option  # noqa: PLC0415
        import alpaca.data.historical.stock  # noqa: PLC0415
        import alpaca.trading.client  # noqa: F401, PLC0415


def position_intent(intent: OrderIntent) -> str:
    """Return buy_to_open, buy_to_close, sell_to_open or sell_to_close."""
    return f"{intent.side.value}_to_{intent.purpose.value}"


def underlier(contract: OptionContract) -> str:
    """Return the symbol by which Alpaca lists a contract: SPXW stands under SPX."""
    return "SPX" if contract.root == "SPXW" else contract.root


def _status(error: Any) -> int:  # noqa: ANN401 - the library is not typed
    # Not `.code` or `.message`: they read the body, and raise where it is no JSON.
    status = error.status_code
    return status if isinstance(status, int) else 0


def _base(url: str) -> str:
    """Return an address without the version, which the dashboard shows and the library adds."""
    return url.rstrip("/").removesuffix("/v2").rstrip("/")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0] or url
