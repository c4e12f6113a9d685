import json
from dataclasses import FrozenInstanceError, replace
from datetime import date
from decimal import Decimal

import pytest

from src.judgement import Criterion
from src.models import (
    EntryDecision,
    Fill,
    Leg,
    OptionContract,
    OrderIntent,
    Purpose,
    Quote,
    Side,
    TradeSetup,
)
from tests.fakes.builders import DAY, a_setup, at, spxw_call, spy_call
from tests.fakes.ledger import a_position

MOMENT = at("09:41")


def a_decision(*, passed: bool = True, size: int = 2) -> EntryDecision:
    return EntryDecision(
        timestamp=MOMENT,
        should_trade=passed and size > 0,
        criteria=(
            Criterion("ratio", passed=True, seen="10.0000", limit="9.95 to 10.05"),
            Criterion("expected profit", passed=passed, seen="+$637.85", limit="above $400.00"),
        ),
        entry_credit=637.85,
        expected_profit=637.85,
        risk=500.0 * size,
        position_size=size,
        setup=a_setup(),
    )


# Contracts and quotes


@pytest.mark.parametrize(
    ("contract", "symbol", "words"),
    [
        (
            OptionContract("SPXW", date(2025, 1, 17), 6000.0),
            "SPXW250117C06000000",
            "SPXW 6000 call",
        ),
        (OptionContract("SPY", date(2025, 1, 17), 600.0), "SPY250117C00600000", "SPY 600 call"),
        (OptionContract("SPY", DAY, 600.5, "P"), "SPY260309P00600500", "SPY 600.5 put"),
    ],
)
def test_a_contract_has_its_osi_symbol_and_its_words(
    contract: OptionContract, symbol: str, words: str
) -> None:
    assert contract.symbol == symbol
    assert str(contract) == words


@pytest.mark.parametrize(
    ("quote", "empty"),
    [
        (Quote(MOMENT), True),
        (Quote(MOMENT, bid_size=3), True),
        (Quote(MOMENT, bid=0.0), False),
        (Quote(MOMENT, ask=0.05), False),
        (Quote(MOMENT, last=600.25), False),
    ],
)
def test_a_quote_is_empty_when_there_was_no_market_at_all(quote: Quote, *, empty: bool) -> None:
    assert quote.is_empty is empty


def test_what_was_seen_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        a_setup().spy_price = 601.0  # type: ignore[misc] # that it is refused is the point


# A setup


def test_a_setup_tells_its_ratio_and_the_gap_between_its_strikes() -> None:
    setup = a_setup(spy=600.0, spx=6017.52, spx_strike=6020.0)
    assert setup.ratio == pytest.approx(10.0292)
    assert setup.strike_gap == pytest.approx(2.48)
    assert a_setup().strike_gap == pytest.approx(0.0)


def test_a_setup_in_plain_types_has_the_agreed_keys() -> None:
    plain = a_setup().to_dict()
    agreed = {
        "timestamp": "2026-03-09T09:41:00-04:00",
        "spy_price": 600.25,
        "spx_price": 6002.50,
        "spy_strike": 600.0,
        "spx_strike": 6000.0,
        "spy_call": {"bid": 2.98, "ask": 3.02},
        "spx_call": {"bid": 23.00, "ask": 23.40},
    }
    assert {key: plain[key] for key in agreed} == agreed


LATER_QUOTES = replace(
    a_setup(),
    spy_call=Quote(at("09:40:58"), 2.98, 3.02),
    spx_call=Quote(at("09:40:59.250"), 23.00, 23.40),
)


@pytest.mark.parametrize(
    "setup",
    [a_setup(), LATER_QUOTES, a_setup(spy=600.1 + 0.2, spx_strike=6015.0, when=at("15:59:59"))],
)
def test_a_setup_comes_back_from_json_as_it_went(setup: TradeSetup) -> None:
    assert TradeSetup.from_dict(json.loads(json.dumps(setup.to_dict()))) == setup


def test_sizes_and_last_prices_do_not_come_back() -> None:
    seen = Quote(MOMENT, 2.98, 3.02, bid_size=10, ask_size=20, last=3.00)
    setup = replace(a_setup(), spy_call=seen)
    assert TradeSetup.from_dict(setup.to_dict()) == a_setup()


# A decision


def test_a_decision_in_plain_types_has_the_agreed_keys() -> None:
    plain = a_decision(passed=False).to_dict()
    agreed = {
        "should_trade": False,
        "entry_credit": 637.85,
        "risk": 1000.0,
        "risk_level": "unknown",
        "position_size": 2,
        "spy_quantity": 20,
        "spx_quantity": 2,
        "reasons": ["expected profit: +$637.85 (limit above $400.00)"],
    }
    assert {key: plain[key] for key in agreed} == agreed


@pytest.mark.parametrize(
    "decision",
    [
        a_decision(),
        a_decision(passed=False),
        a_decision(size=0),
        replace(
            a_decision(passed=False, size=0), setup=None, entry_credit=None, expected_profit=None
        ),
    ],
    ids=["trade", "no trade", "no size", "no setup"],
)
def test_a_decision_comes_back_from_json_as_it_went(decision: EntryDecision) -> None:
    back = EntryDecision.from_dict(json.loads(json.dumps(decision.to_dict())))
    assert back == decision
    assert back.reasons == decision.reasons


@pytest.mark.parametrize(
    ("decision", "reasons"),
    [
        (a_decision(), ()),
        (a_decision(passed=False), ("expected profit: +$637.85 (limit above $400.00)",)),
        (a_decision(size=0), ("position size: 0 spreads fit (limit at least 1)",)),
        (
            a_decision(passed=False, size=0),
            (
                "expected profit: +$637.85 (limit above $400.00)",
                "position size: 0 spreads fit (limit at least 1)",
            ),
        ),
    ],
)
def test_the_reasons_of_a_decision_are_the_rules_that_said_no(
    decision: EntryDecision, reasons: tuple[str, ...]
) -> None:
    assert decision.reasons == reasons


# Orders, fills and positions


def test_an_order_is_known_by_its_session_spread_leg_purpose_and_attempt() -> None:
    intent = OrderIntent(
        session=DAY,
        spread_no=2,
        leg=Leg.SPY,
        purpose=Purpose.CLOSE,
        attempt=3,
        contract=spy_call(),
        side=Side.BUY,
        quantity=10,
        limit=Decimal("3.02"),
        created_at=MOMENT,
    )
    assert intent.client_order_id == "2026-03-09-2-spy-close-3"
    assert str(intent) == "buy 10 SPY 600 call at 3.02"


@pytest.mark.parametrize(
    ("contract", "side", "quantity", "price", "fee", "cash"),
    [
        (spy_call(), Side.SELL, 10, "2.98", "1.50", "2978.50"),
        (spxw_call(), Side.BUY, 1, "23.40", "0.65", "-2340.65"),
        (spxw_call(), Side.SELL, 1, "0.05", "0.65", "4.35"),
    ],
)
def test_a_sale_brings_cash_a_purchase_costs_it_and_both_pay_the_fee(
    contract: OptionContract, side: Side, quantity: int, price: str, fee: str, cash: str
) -> None:
    fill = Fill("1", "id", contract, side, quantity, Decimal(price), Decimal(fee), MOMENT)
    assert fill.cash == Decimal(cash)


@pytest.mark.parametrize(
    ("spy_short", "spx_long", "is_open", "uncovered"),
    [
        (10, 1, True, 0),
        (4, 1, True, -6),
        (11, 1, True, 1),
        (10, 0, True, 10),
        (0, 1, True, -10),
        (0, 0, False, 0),
    ],
)
def test_one_spxw_call_covers_ten_spy_calls(
    spy_short: int, spx_long: int, *, is_open: bool, uncovered: int
) -> None:
    position = replace(a_position(day=DAY), spy_short=spy_short, spx_long=spx_long)
    assert (position.is_open, position.uncovered) == (is_open, uncovered)


def test_a_trade_is_known_by_its_session_and_the_number_of_its_spread() -> None:
    assert a_position(day=DAY, spread_no=2).trade_id == "2026-03-09-2"
