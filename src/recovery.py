"""What the broker holds against what is recorded."""

from collections.abc import Iterable, Sequence

from src.models import OptionContract, SpreadPosition
from src.ports import Holding


def difference(positions: Sequence[SpreadPosition], holdings: Iterable[Holding]) -> str:
    """Return by name what the record and the broker disagree on; empty when they agree.

    Only what could be ours is compared: contracts that the record names, and SPY shares sold
    short, which an assignment of ours would have left. The user's own positions are not touched.
    """
    expected: dict[OptionContract, int] = {}
    for each in positions:
        expected[each.spy_contract] = expected.get(each.spy_contract, 0) - each.spy_short
        expected[each.spx_contract] = expected.get(each.spx_contract, 0) + each.spx_long
    held: dict[OptionContract, int] = {}
    shares = 0
    for holding in holdings:
        if holding.contract is None:
            shares += holding.quantity if holding.symbol == "SPY" else 0
        else:
            held[holding.contract] = held.get(holding.contract, 0) + holding.quantity
    found = [
        f"{contract.symbol}: recorded {ours:+d}, at the broker {held.get(contract, 0):+d}"
        for contract, ours in sorted(expected.items(), key=lambda item: item[0].symbol)
        if held.get(contract, 0) != ours
    ]
    if shares < 0:
        found.append(f"{shares:+d} SPY shares at the broker, as an assignment leaves them")
    return "; ".join(found)
