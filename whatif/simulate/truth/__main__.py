"""``python -m whatif.simulate.truth``: draw ten million sessions and write the shipped tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from whatif.simulate.truth.compute import write_tables

CUSTOMERS: Final = 2_500_000  # 4.6 sessions each
SEED: Final = 20_261_031


def main() -> None:
    """Write ``<mode>.json`` beside this module and say what it rests on."""
    folder = Path(__file__).parent
    sessions = write_tables(folder, customers=CUSTOMERS, seed=SEED)
    sys.stdout.write(f"truth of {sessions:,} sessions written to {folder}\n")


if __name__ == "__main__":
    main()
