"""What Alpaca's failures mean, in one sentence each."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brokers.alpaca_link import Refusal


def why_no_data(refusal: "Refusal", what: str, feed: str) -> str:
    """Return what a person can do about a data server that refuses, status 401 or 403."""
    words = f" ({refusal.words})" if refusal.words else ""
    if refusal.status == 401:
        return (
            f"Alpaca's data server does not accept the keys{words}: set broker.api_key and"
            " broker.api_secret to valid keys."
        )
    if feed == "opra":
        return (
            f"Alpaca refused {what}{words}: the account has no OPRA quotes. Subscribe to them and"
            " sign the OPRA agreement, or set broker.alpaca.feed to indicative for a paper day."
        )
    return (
        f"Alpaca refused {what}{words}: the keys are not valid, or the account's subscription"
        " does not include it."
    )


def why_unanswered(error: Exception, host: str, seconds: float) -> str:
    """Return what has happened to a call that got no answer within so many seconds."""
    from requests import exceptions as http  # noqa: PLC0415

    words = str(error)
    cases = (
        (
            isinstance(error, http.ProxyError),
            f"the proxy on the way to {host} refused or failed: check HTTPS_PROXY and NO_PROXY",
        ),
        (
            isinstance(error, http.SSLError),
            f"no secure connection to {host}: check this machine's clock, and any proxy",
        ),
        (
            isinstance(error, http.ConnectTimeout),
            f"{host} took no connection within {seconds:.3g} s: check the network and its DNS",
        ),
        (
            isinstance(error, http.Timeout) or "timed out" in words,
            f"{host} did not answer within {seconds:.3g} s",
        ),
        (
            "resolve" in words or "getaddrinfo" in words,
            f"the name {host} cannot be resolved: check the network, its DNS and broker.alpaca",
        ),
        (
            "refused" in words,
            f"nothing listens at {host}: see broker.alpaca.trading_url and broker.alpaca.data_url",
        ),
        (
            "unreachable" in words,
            f"there is no network that leads to {host}: check this machine's connection",
        ),
    )
    found = (sentence for holds, sentence in cases if holds)
    return next(found, f"the connection to {host} was lost")
