"""Plays generated days by the trading day and by the sweep, and tells where the two differ.

python -m tests.simulation.sweep_difference 0:1000
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence

from src.sweep import Doubt
from tests.fakes.sweeps import Pair, both, generated_market, settings_of_chance

SETS_A_DAY = 2


def compare(seed: int) -> list[Pair]:
    """Return what both engines make of a seed's day, under settings drawn by the same seed."""
    chance = random.Random(seed)  # noqa: S311 - drawn to be found again
    market = generated_market(seed, dislocated=seed % 2 == 0)
    return [both(market, settings_of_chance(chance)) for _ in range(SETS_A_DAY)]


def main(arguments: Sequence[str]) -> int:
    """Compare the seeds of the command line; return 1 if any day differs."""
    first, last = map(int, (arguments[0] if arguments else "0:1000").split(":"))
    ways: Counter[str] = Counter()
    trades = differences = 0
    for seed in range(first, last):
        for pair in compare(seed):
            ways[pair.doubt.name if pair.doubt else "followed"] += 1
            if pair.doubt is Doubt.NONE:
                trades += len(pair.swept)
            if not pair.agree:
                differences += 1
                sys.stdout.write(f"seed {seed}:\n  day   {pair.exact}\n  sweep {pair.swept}\n")
    told = ", ".join(f"{name} {number}" for name, number in ways.most_common())
    sys.stdout.write(f"{last - first} days, {trades} trades, {differences} differ; {told}\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
