"""What the record tells of one session so far: its looks, its trades, its last checks."""

from datetime import date
from typing import Any, NamedTuple

from src.database import Store
from src.words import clock, label, money

_LOOKS = """
SELECT at, should_trade, expected_profit FROM decisions WHERE session = ? ORDER BY id DESC
"""
_TRADES = """
SELECT trade_id, exit_reason, final_pnl FROM trades WHERE date = ? ORDER BY trade_id
"""
_CHECKS = """
SELECT spread_no, at, spy_price, pnl, text FROM checks
WHERE id IN (SELECT max(id) FROM checks WHERE session = ? GROUP BY spread_no) ORDER BY spread_no
"""


class SoFar(NamedTuple):
    """Rows of one session, the latest look first; of each trade the latest check."""

    session: date
    mode: str
    looks: tuple[dict[str, Any], ...]
    trades: tuple[dict[str, Any], ...]
    checks: tuple[dict[str, Any], ...]

    @property
    def result(self) -> float:
        """Dollars of the trades that are finished."""
        return round(sum(each["final_pnl"] or 0 for each in self.trades), 2)

    def in_words(self) -> list[str]:
        """Return what a person wants to know of it, a line each."""
        worth = f" ({label(self.mode)})" if self.trades else ""
        lines = [f"Trades of {self.session}: {self._trades_in_words()}{worth}."]
        if self.looks:
            lines.append(f"Looks at the market: {len(self.looks)}, {self._look_in_words()}.")
        finished = {each["trade_id"] for each in self.trades if each["final_pnl"] is not None}
        for each in self.checks:
            trade = f"{self.session}-{each['spread_no']}"
            if trade not in finished:
                pnl = "not known" if each["pnl"] is None else money(each["pnl"])
                price = f", SPY {each['spy_price']:.2f}" if each["spy_price"] else ""
                lines.append(
                    f"Last check of {trade} at {clock(each['at'])} ET: P&L {pnl}{price}; "
                    f"{each['text']}."
                )
        return lines

    def as_json(self) -> dict[str, object]:
        """Return the same for other programs; P&L is dollars, None while it is not known."""
        return {
            "trades": [
                {"trade_id": t["trade_id"], "pnl": t["final_pnl"], "exit_reason": t["exit_reason"]}
                for t in self.trades
            ],
            "result": self.result,
            "looks": len(self.looks),
            "checks": [
                {
                    "trade_id": f"{self.session}-{each['spread_no']}",
                    "at": each["at"],
                    "spy_price": each["spy_price"],
                    "pnl": each["pnl"],
                }
                for each in self.checks
            ],
        }

    def _trades_in_words(self) -> str:
        if not self.trades:
            return "none on record"
        finished = [each for each in self.trades if each["final_pnl"] is not None]
        if not finished:
            return f"{len(self.trades)}, not finished"
        whole = f"{len(finished)} finished, result {money(self.result)} after fees"
        still = len(self.trades) - len(finished)
        return f"{whole}; {still} not finished" if still else whole

    def _look_in_words(self) -> str:
        last = self.looks[0]
        said = "trade" if last["should_trade"] else "no trade"
        expected = last["expected_profit"]
        told = "" if expected is None else f" (expected {money(expected)} a spread)"
        return f"the last at {clock(last['at'])} ET: {said}{told}"


def so_far(store: Store, session: date) -> SoFar:
    """Return what is recorded of a session."""

    def rows(query: str) -> tuple[dict[str, Any], ...]:
        return tuple(map(dict, store.read(query, (session.isoformat(),))))

    known = rows("SELECT mode FROM sessions WHERE session = ?")
    return SoFar(
        session, known[0]["mode"] if known else "", rows(_LOOKS), rows(_TRADES), rows(_CHECKS)
    )
