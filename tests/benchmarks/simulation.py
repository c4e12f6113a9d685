"""How many simulated days, faults on, one core plays a second.

    python tests/benchmarks/simulation.py [SEEDS]

Time is that of the processor, so that what else runs on the machine does not count.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.simulation.runner import simulate
from tests.simulation.sessions import draw_day

SEEDS = 400
WARM_UP = 5


def main() -> None:
    """Print the rate."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    for seed in range(WARM_UP):
        simulate(draw_day(seed))
    begin = time.process_time()
    trades = sum(simulate(draw_day(seed)).trades for seed in range(seeds))
    seconds = time.process_time() - begin
    print(f"{seeds} days with faults, {trades} trades: {seeds / seconds:.1f} days a second a core")


if __name__ == "__main__":
    main()
