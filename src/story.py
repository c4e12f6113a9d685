"""The sentences of the day: what a person reads on the console, in the log and in the report."""

from collections.abc import Iterable

from src.judgement import Valuation
from src.legging import SpreadResult, Status
from src.models import EntryDecision, ExitSignal, Quote, SpreadPosition, TradeSetup
from src.ports import OfficialCloses
from src.position_monitor import LiveValue
from src.price_words import CONTRADICTION, risk_line, volatility_line
from src.risk_manager import reg_t_margin
from src.settings import Settings
from src.settlement import ExpirationValue
from src.words import UNKNOWN, money


def open_positions(positions: Iterable[SpreadPosition]) -> str:
    """Return which positions are held, empty when there is none."""
    return "; ".join(
        f"{each.trade_id}: short {each.spy_short} {each.spy_contract}, "
        f"long {each.spx_long} {each.spx_contract}"
        for each in positions
        if each.is_open
    )


def decision_lines(decision: EntryDecision) -> list[str]:
    """Return a decision as a headline and one line for each criterion."""
    verb = "TRADE" if decision.should_trade else "no trade"
    setup = decision.setup
    if setup is None:
        headlines = [f"Decision: {verb}. There is no setup."]
    else:
        prices = f"SPY {setup.spy_price:.2f}, SPX {setup.spx_price:.2f}"
        calls = (
            f"SPY {setup.spy_contract.strike:g} at {_market(setup.spy_call)}, "
            f"SPXW {setup.spx_contract.strike:g} at {_market(setup.spx_call)}"
        )
        headlines = [
            f"Decision: {verb}. {prices}, strike gap {setup.strike_gap:+.2f} points.",
            f"  Calls: {calls}.",
        ]
    if decision.valuation:
        headlines += _priced(decision.valuation)
    rows = [
        f"  {'yes' if each.passed else 'NO '}  {each.name:<16} {each.seen}  (limit: {each.limit})"
        for each in decision.criteria
    ]
    if decision.should_trade:
        size = f"  Size {decision.position_size}: sell {decision.spy_quantity} SPY calls, "
        size += (
            f"buy {decision.spx_quantity} SPXW; closed if it loses more than ${decision.risk:,.2f}."
        )
        rows.append(size)
    return [*headlines, *rows]


def _priced(valuation: Valuation) -> list[str]:
    """Return what the prices imply: volatilities, possible losses, and whether they can be true."""
    lines = [f"  {volatility_line(valuation)}", f"  {risk_line(valuation)}"]
    if valuation.contradiction:
        lines.append(f"  {CONTRADICTION}: {valuation.contradiction}.")
    return lines


def _market(quote: Quote) -> str:
    return f"{quote.bid:.2f} x {quote.ask:.2f}"


def decision_in_short(decision: EntryDecision) -> str:
    """Return a decision against trading in one line, for the minutes after the first."""
    setup = decision.setup
    if setup is None or decision.expected_profit is None or decision.entry_credit is None:
        known = [e.seen for e in decision.criteria if not e.passed and e.seen != UNKNOWN]
        return f"No trade, no setup: {'; '.join(dict.fromkeys(known))}."
    failed = ", ".join(each.name for each in decision.criteria if not each.passed)
    return (
        f"No trade: SPY {setup.spy_contract.strike:g} / SPXW {setup.spx_contract.strike:g}, "
        f"credit {money(decision.entry_credit)}, gap {setup.strike_gap:+.2f} points, "
        f"expected {money(decision.expected_profit)}; fails: {failed or 'position size'}"
        f"{_flag(decision)}."
    )


def _flag(decision: EntryDecision) -> str:
    known = decision.valuation
    return f"; {CONTRADICTION}" if known and known.contradiction else ""


def risk_allows(setup: TradeSetup, size: int, settings: Settings) -> str:
    """Return how much may be opened, and its margin both ways."""
    capital = settings.strategy.capital_per_spread * size
    broad, narrow = reg_t_margin(setup, size), reg_t_margin(setup, size, narrow=True)
    return (
        f"Risk allows {size}: ${capital:,.0f} set aside. Under Reg T the calls count as uncovered: "
        f"margin ${broad:,.0f} (15 % rule) to ${narrow:,.0f} (20 % rule)."
    )


def entry_line(result: SpreadResult, position: SpreadPosition) -> str:
    """Return how an entry ended."""
    if not position.spreads_opened:
        words = result.spx.text or "nothing was filled within the criteria"
        return f"Entry {result.status}: {words}; nothing is held."
    if not position.is_open:
        loss = money(position.cash)
        return f"Entry UNWOUND: SPY was not to be sold within the criteria; result {loss}."
    reason = f" ({result.spy.text})" if result.status is Status.REJECTED else ""
    return (
        f"Entry {result.status}{reason}: short {position.spy_short} {position.spy_contract}, "
        f"long {position.spx_long} {position.spx_contract}; "
        f"cash {money(position.entry_cash)} after fees of ${position.fees:,.2f}."
    )


def check_line(position: SpreadPosition, value: LiveValue, words: str) -> str:
    """Return one look at an open position, with the words of its verdict."""
    price = f"SPY {value.spy_price:.2f}" if value.spy_price is not None else "SPY not known"
    pnl = "not known" if value.pnl is None else money(value.pnl)
    return f"Check {position.trade_id}: {price}, P&L {pnl}; {words}."


def verdict(value: LiveValue, signals: list[ExitSignal]) -> str:
    """Return what a look at a position came to: its signals, or hold, and what was not known."""
    told = [f"{each.reason} ({each.severity}): {each.text}" for each in signals]
    words = "; ".join(told) if told else "hold"
    return f"{words} ({value.unknown})" if value.unknown else words


def exit_line(result: SpreadResult, position: SpreadPosition) -> str:
    """Return how an exit ended."""
    if position.is_open:
        idle = result.status is Status.PENDING
        words = "no quote that could be traded; " if idle else ""
        held = f"{position.spy_short} {position.spy_contract}, long {position.spx_long}"
        return (
            f"Exit {result.status}: {words}still short {held} {position.spx_contract}; "
            "it is tried again."
        )
    return f"Exit {result.status}: the position is flat, result {money(position.cash)}."


def settlement_line(
    position: SpreadPosition, closes: OfficialCloses, value: ExpirationValue
) -> str:
    """Return what expiry did to a position that was held to it."""
    text = (
        f"Settlement {position.trade_id}: SPX closed at {closes.spx:.2f}, SPY at {closes.spy:.2f} "
        f"({closes.source}); SPXW pays {money(value.spx_cash)}, "
    )
    if value.shares:
        return text + (
            f"{value.assigned} SPY calls are assigned, worth {money(value.spy_value)} at the "
            f"close: the account is short {-value.shares} SPY shares. ACT before the next open."
        )
    return text + "no SPY call is in the money at the close (a holder may still exercise to 17:30)."
