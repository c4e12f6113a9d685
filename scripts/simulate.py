"""Seeded days with injected faults: python scripts/simulate.py --seeds 0:2000 [--jobs 2]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.simulation.command import main

if __name__ == "__main__":
    raise SystemExit(main())
