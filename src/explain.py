"""The page on which a person reads one moment: prices, rules, where the credit comes from, risk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from src.assignment import NEVER_EARLY, what_assignment_means
from src.dividends import Dividend
from src.judgement import CreditSplit, Valuation
from src.models import MULTIPLIER, SPY_PER_SPREAD, EntryDecision, TradeSetup
from src.outlook import Outlook
from src.price_words import CONTRADICTION, NOT_BELIEVED, risk_line, volatility_line
from src.report_layout import Alarm, Block, Heading, Paragraph, Table
from src.risk_manager import reg_t_margin
from src.settings import Settings
from src.stress import AFTER_HOURS, BASES_BP, MOVES, ORDINARY_BP, Package
from src.words import UNKNOWN, money

_FEW = 4
"""Calls of the ten that are assigned in the case in which some holders do not exercise."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A decision, and all that it was made by. `what` names the day; `labels` its cautions."""

    what: str
    labels: Sequence[str]
    decision: EntryDecision
    expected: Outlook
    settings: Settings
    dividends: Sequence[Dividend]


def explain(moment: Moment) -> list[Block]:
    """Return the page of a moment."""
    return [*_explained(moment)]


def _explained(moment: Moment) -> Iterator[Block]:
    decision, rules = moment.decision, moment.settings.strategy
    at = f"{decision.timestamp:%A} {decision.timestamp:%Y-%m-%d %H:%M:%S}"
    yield Heading(f"One moment explained: {at} in New York")
    yield Paragraph(f"From {moment.what}. Nothing was ordered and nothing recorded.")
    for label in moment.labels:
        yield Paragraph(f"Note: {label}")
    yield Heading("Verdict")
    yield Alarm(verdict(decision))
    setup, valuation = decision.setup, decision.valuation
    if setup is None or valuation is None or decision.entry_credit is None:
        yield from _criteria(decision)
        yield Paragraph(
            "Without sound quotes of both calls nothing can be priced: the rules that failed say "
            "what is missing."
        )
        return
    yield from _prices(setup, moment.expected)
    yield from _volatility(valuation)
    yield from _criteria(decision)
    yield from credit_blocks(setup, valuation)
    yield from _stress_tables(Package.of(setup, decision.entry_credit))
    yield Paragraph(risk_line(valuation, rules.max_position_loss))
    yield from _margin(setup, rules.capital_per_spread)
    yield from assignment_blocks(setup, valuation, 1, moment.dividends)


def verdict(decision: EntryDecision) -> str:
    """Return in one sentence what a decision came to, and why."""
    if decision.should_trade:
        spreads = "1 spread" if decision.position_size == 1 else f"{decision.position_size} spreads"
        level = f", risk {decision.valuation.risk_level}" if decision.valuation else ""
        return (
            f"TRADE {spreads}: all six criteria hold, with an expected profit of "
            f"{money(decision.expected_profit)} a spread{level}{_although(decision)}."
        )
    failed = [each for each in decision.criteria if not each.passed]
    if NOT_BELIEVED in "".join(each.seen for each in failed):
        others = f"; {len(failed) - 1} more of the six criteria fail" if len(failed) > 1 else ""
        return f"NO TRADE: the quotes cannot both be true{others}."
    if not failed:
        return "NO TRADE: all six criteria hold, and not one spread fits into the account."
    others = f", and {len(failed) - 1} more of the six criteria" if len(failed) > 1 else ""
    named = next((each for each in reversed(failed) if each.seen != UNKNOWN), failed[-1])
    if failed[0].name == "market open":
        named = failed[0]  # whatever is missing then is missing because of it
    return f"NO TRADE: {named.name} fails ({named.seen}; needed: {named.limit}){others}."


def _although(decision: EntryDecision) -> str:
    if decision.valuation is None or not decision.valuation.contradiction:
        return ""
    return ", although the quotes cannot both be true, which strategy.vol_gap_blocks allows here"


def _prices(setup: TradeSetup, expected: Outlook) -> Iterator[Block]:
    today = expected.ratio
    sure = f" (give or take {setup.spx_uncertainty:.2f})" if setup.spx_uncertainty else ""
    yield Heading("Prices")
    yield Table(
        ("", "SPY", "SPX"),
        [
            ("price", f"{setup.spy_price:.2f}", f"{setup.spx_price:,.2f}{sure}"),
            ("call", str(setup.spy_contract), str(setup.spx_contract)),
            ("bid", f"{setup.spy_call.bid:.2f}", f"{setup.spx_call.bid:.2f}"),
            ("ask", f"{setup.spy_call.ask:.2f}", f"{setup.spx_call.ask:.2f}"),
            (
                "true at",
                f"{setup.spy_call.at:%H:%M:%S}",
                f"{setup.spx_call.at:%H:%M:%S}",
            ),
        ],
        frozenset({"SPY", "SPX"}),
    )
    yield Paragraph(
        f"SPX is {setup.ratio:.4f} times SPY. Expected today is {today.value:.4f}, within "
        f"{today.band_bp:g} basis points ({today.basis}): it is "
        f"{today.distance_bp(setup.ratio):+.1f} away."
    )
    match = setup.ratio * setup.spy_contract.strike
    yield Paragraph(
        f"The SPY strike {setup.spy_contract.strike:g} is SPX {match:,.2f}; the SPX strike "
        f"{setup.spx_contract.strike:g} lies {setup.strike_gap:+.2f} points from it. Sold are "
        f"{SPY_PER_SPREAD} SPY calls at the bid, bought is 1 SPXW call at the ask."
    )


def _volatility(valuation: Valuation) -> Iterator[Block]:
    yield Heading("Volatility")
    yield Paragraph(
        f"{volatility_line(valuation)} Time runs to the close at the market's own pace, fast in "
        "the first and the last half hour, so that the figures of one day can be compared."
    )
    if valuation.contradiction:
        yield Alarm(f"{CONTRADICTION}: {valuation.contradiction}.")


def _criteria(decision: EntryDecision) -> Iterator[Block]:
    yield Heading("The six criteria")
    yield Table(
        ("rule", "passed", "seen", "limit"),
        [
            (each.name, "yes" if each.passed else "NO", each.seen, each.limit)
            for each in decision.criteria
        ],
    )


def credit_rows(split: CreditSplit, gap: float, ratio: float) -> list[tuple[str, float]]:
    """Return the parts that make up the credit, in dollars a spread; they add up to the cent."""
    return [
        (f"fair pay for the strike gap of {gap:+.2f} points", split.strike_gap),
        (f"fair pay for {SPY_PER_SPREAD} SPY calls where {ratio:.4f} would match", split.ratio),
        ("pay for what SPY may do between 16:00 and 17:30", split.after_hours),
        ("the rest of the gap between the volatilities", split.vol_gap),
        ("paid to trade at bid and ask instead of between them", split.bid_ask),
        ("fees of opening", split.fees_in),
    ]


def credit_blocks(setup: TradeSetup, valuation: Valuation) -> Iterator[Block]:
    """Return where the credit comes from, line by line, and what of it is the edge."""
    yield Heading("Where the credit comes from (dollars a spread)")
    split = valuation.split
    if split is None:
        yield Paragraph(f"It cannot be told: {valuation.contradiction}.")
        return
    parts = credit_rows(split, setup.strike_gap, setup.ratio)
    yield Table(
        ("part", "dollars"),
        [(words, money(dollars)) for words, dollars in parts]
        + [("CREDIT, as quoted and net of fees", money(split.credit))],
        frozenset({"dollars"}),
    )
    yield Table(
        ("from credit to edge", "dollars"),
        [
            ("credit", money(split.credit)),
            ("less fair pay for strike gap and ratio", money(-split.fair_value)),
            ("less pay for the hours after the close", money(-split.after_hours)),
            ("less bid and ask on the way out, as expected", money(split.spread_out)),
            ("less fees on the way out, as expected", money(split.fees_out)),
            ("EDGE, the expected profit", money(split.edge)),
        ],
        frozenset({"dollars"}),
    )
    yield Paragraph(
        "Fair pay is no profit: what it pays for costs as much on average. A point of strike gap "
        f"is worth about half of its ${MULTIPLIER} at the end. The way out is counted as often as "
        "SPY is expected to end above the strike or just below it."
    )
    if split.after_hours:
        yield Paragraph(
            "No moment's quotes tell how much of the pay for the hours after the close is earned: "
            "the edge counts all of it as a cost. If all were earned, the expected profit would be "
            f"{money(split.edge + split.after_hours)}."
        )


def _stress_tables(package: Package) -> Iterator[Block]:
    yield Heading("What it can cost (dollars a spread, at the end of the day)")
    columns = ("SPX", *(f"{basis:+g} bp" for basis in BASES_BP))
    numbers = frozenset(columns[1:])
    pin = package.spx_strike / package.spx - 1.0
    moves = sorted({*MOVES, pin})

    def rows(cell: Callable[[float, float], float]) -> list[tuple[str, ...]]:
        return [
            (
                f"{'strike' if move == pin else f'{move:+.1%}'}",
                *(f"{cell(move, basis):,.0f}" for basis in BASES_BP),
            )
            for move in moves
        ]

    yield Paragraph(
        "At 16:00, every call in the money assigned and covered at the close. Down: what SPX does "
        "until then. Across: SPX over SPY at the close against now, below 0 where SPY closes dear; "
        f"99 of 100 days keep within {ORDINARY_BP:g}, -93 and +50 have been seen."
    )
    yield Table(columns, rows(package.at_close), numbers)
    yield Paragraph(
        f"At 17:30, after SPXW is gone, with SPY {AFTER_HOURS:.2%} above its close (the most of "
        f"460 days) and every call in the money by then exercised:"
    )
    yield Table(columns, rows(lambda m, b: package.after_hours(m, b, AFTER_HOURS)), numbers)
    some = package.after_hours(pin, 0.0, AFTER_HOURS, _FEW)
    none = package.after_hours(pin, 0.0, AFTER_HOURS, 0)
    down = package.after_hours(pin, 0.0, -AFTER_HOURS)
    yield Paragraph(
        f"The same with SPX at its strike at 16:00: {_FEW} of {SPY_PER_SPREAD} exercised "
        f"{money(some)}, none {money(none)}; and with SPY as much lower, when none is worth "
        f"exercising, {money(down)}."
    )


def _margin(setup: TradeSetup, capital: float) -> Iterator[Block]:
    yield Heading("Margin (dollars a spread)")
    yield Table(
        ("by which rule", "dollars"),
        [
            ("this program's reservation, capital_per_spread", f"{capital:,.0f}"),
            ("Regulation T, calls uncovered, 15 % rule", f"{reg_t_margin(setup, 1):,.0f}"),
            ("the same, 20 % rule", f"{reg_t_margin(setup, 1, narrow=True):,.0f}"),
        ],
        frozenset({"dollars"}),
    )


def assignment_blocks(
    setup: TradeSetup, valuation: Valuation, spreads: int, dividends: Sequence[Dividend]
) -> Iterator[Block]:
    """Return what is to be known of exercise: early, near the strike, and in shares and dollars."""
    yield Heading("If the calls are exercised")
    yield Paragraph(NEVER_EARLY)
    yield Paragraph(what_assignment_means(setup, spreads, dividends))
    yield Paragraph(
        f"With SPY between {valuation.pin_low:.2f} and {valuation.pin_high:.2f} at the close nobody"
        " can foresee which calls will be exercised: holders decide until 17:30. From exit_check"
        " on the program buys them back there, and above."
    )
