"""However a session went, its trades add up to the money that moved, to the cent."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from src.results_logger import ResultsLogger
from tests.fakes.ledger import DAY, Ledger, a_decision, a_position, moment

CENTS = st.integers(0, 40_000).map(lambda cents: str(Decimal(cents) / 100))
FEES = st.integers(0, 999).map(lambda cents: str(Decimal(cents) / 100))
FILLS = st.lists(
    st.tuples(
        st.sampled_from(["spy", "spx"]),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["open", "close"]),
        st.integers(1, 30),
        CENTS,
        FEES,
    ),
    min_size=1,
    max_size=8,
)
SETTLED = st.integers(-2_000_000, 2_000_000).map(lambda cents: str(Decimal(cents) / 100))
SPREADS = st.lists(st.tuples(FILLS, SETTLED, SETTLED, st.booleans()), min_size=1, max_size=4)


def in_cents(dollars: float) -> int:
    cents = round(dollars * 100)
    assert cents / 100 == dollars, "a shown amount has more than cents"
    return cents


@given(SPREADS)
def test_trades_are_worth_what_the_ledger_moved_and_nothing_while_contracts_are_held(
    spreads: list[tuple[list[tuple[str, str, str, int, str, str]], str, str, bool]],
) -> None:
    ledger = Ledger()
    logger = ResultsLogger(ledger.connection, Path(tempfile.gettempdir()))
    finished = moved = 0
    for spread_no, (fills, spy_cash, spx_cash, is_settled) in enumerate(spreads, start=1):
        before = ledger.cash_cents()
        held = {"spy": 0, "spx": 0}
        for leg, side, purpose, quantity, price, fee in fills:
            ledger.order(leg, side, quantity, price, fee=fee, purpose=purpose, spread_no=spread_no)
            held[leg] += quantity if side == "buy" else -quantity
        logger.log_trade(a_position(spread_no=spread_no), a_decision(), "paper")
        if is_settled:
            for leg, cash in (("spy", spy_cash), ("spx", spx_cash)):
                if held[leg]:
                    ledger.settle(leg, held[leg], cash, spread_no=spread_no)
        if is_settled or not any(held.values()):
            finished += 1
            moved += ledger.cash_cents() - before
    logger.update_final_pnl(DAY, "paper", moment(16, 20))

    trades = [ledger.trade(number) for number in range(1, len(spreads) + 1)]
    done = [trade for trade in trades if trade["final_pnl"] is not None]
    assert len(done) == finished
    assert sum(in_cents(trade["final_pnl"]) for trade in done) == moved
    for trade in done:
        entry, cost = in_cents(trade["entry_credit"]), in_cents(trade["exit_cost"])
        assert entry - cost == in_cents(trade["final_pnl"])
    day = ledger.summary()
    assert (day["trades_count"], in_cents(day["total_pnl"])) == (len(spreads), moved)

    once = [tuple(ledger.trade(number)) for number in range(1, len(spreads) + 1)]
    logger.update_final_pnl(DAY, "paper", moment(16, 50))
    assert [tuple(ledger.trade(number)) for number in range(1, len(spreads) + 1)] == once
    assert tuple(ledger.summary()) == tuple(day)
    ledger.connection.close()
