"""What the broker holds of a session's contracts, and how many of them may be closed."""

import math
from collections.abc import Mapping

from src.journal import Journal
from src.models import SPY_PER_SPREAD, OptionContract, Side
from src.order_records import SpreadPlan
from src.ports import Broker, RetryLater


class Holdings:
    """The holdings of one account, beside the record of one session.

    `foreign` is what was held besides the record when the two were last compared, signed; None
    while nobody knows how much of a difference found by another process still stands.
    """

    def __init__(self, broker: Broker, journal: Journal) -> None:
        self._broker = broker
        self._journal = journal
        self.foreign: Mapping[OptionContract, int] | None = {}

    def at_most(self, contract: OptionContract, wanted: int, *, is_sure: bool = True) -> int:
        """Return how many contracts may be closed: no more than the broker holds of ours.

        The broker, or the user by hand, may have closed some already. Where SPXW calls are missing
        nobody knows whose the others are, and they are kept: that risks nothing. When the broker
        cannot be asked, short SPY calls are bought back by our own record if that `is_sure`, save
        those that were missing when it was compared last, and SPXW calls are kept.
        """
        if not wanted:
            return 0
        is_spy = contract.root == "SPY"
        sign = -1 if is_spy else 1
        besides = sign * self._besides(contract)
        try:
            held = sign * self.held(contract)
        except RetryLater:
            if not (is_spy and is_sure) or self.foreign is None:
                return 0
            held = sign * self._journal.held(contract) + besides
        if not is_spy and held < self._journal.held(contract):
            return 0
        return min(wanted, max(held - max(besides, 0), 0))

    def _besides(self, contract: OptionContract) -> int:
        return (self.foreign or {}).get(contract, 0)

    def covering_nothing(self, plan: SpreadPlan) -> int:
        """Return the SPXW calls that no short SPY call at the broker needs; none if not known.

        A sale of SPY that may still fill needs its cover like one that has, the user's own too.
        """
        selling = sum(
            each.intent.quantity - each.filled
            for each in self._journal.orders(plan.spread_no)
            if each.intent.contract == plan.spy_contract
            and each.intent.side is Side.SELL
            and not each.status.is_final
        )
        try:
            selling += self._sold_by_others(plan.spy_contract)
            short = max(-self.held(plan.spy_contract), 0) + selling
            return max(self.held(plan.spx_contract) - math.ceil(short / SPY_PER_SPREAD), 0)
        except RetryLater:
            return 0

    def _sold_by_others(self, contract: OptionContract) -> int:
        """Return what orders that the record does not know may still sell. Raises RetryLater."""
        return sum(
            max(-each.unfilled, 0)
            for each in self._broker.open_orders()
            if each.contract == contract and not self._journal.knows(each.client_order_id)
        )

    def is_settled(self, contract: OptionContract) -> bool:
        """Whether the broker holds what is recorded, besides what was foreign before."""
        try:
            held = self.held(contract)
        except RetryLater:
            return False
        return held - self._journal.held(contract) == self._besides(contract)

    def held(self, contract: OptionContract) -> int:
        """Return the contracts held, short ones negative. Raises RetryLater."""
        return sum(e.quantity for e in self._broker.holdings() if e.contract == contract)
