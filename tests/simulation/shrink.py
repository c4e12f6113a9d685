"""Finds the few faults of a failing day without which it would not fail."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.runner import Outcome
from tests.simulation.sessions import DayPlan

Play = Callable[[DayPlan], Outcome]


def shrink(outcome: Outcome, play: Play) -> Outcome:
    """Return the outcome of the smallest plan found that breaks the same invariant.

    Faults are left out one by one until none can be; the day, its settings and its market stay.
    """
    assert outcome.violation is not None
    name, best, index = outcome.violation.name, outcome, 0
    while index < len(best.plan.faults):
        faults = best.plan.faults
        tried = play(replace(best.plan, faults=faults[:index] + faults[index + 1 :]))
        if tried.violation is not None and tried.violation.name == name:
            best = tried
        else:
            index += 1
    return best
