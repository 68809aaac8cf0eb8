"""Simulated checkout sessions and the truth behind them, for learning and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from whatif.simulate.assign import Mode


def simulate_checkout(sessions: int, *, seed: int = 0, mode: Mode = "randomised") -> pd.DataFrame:
    """Return a checkout log whose true effects are known; see `checkout_truth`."""
    from whatif.simulate.checkout import simulate_checkout as simulate

    return simulate(sessions, seed=seed, mode=mode)


def checkout_truth(mode: Mode = "randomised") -> pd.DataFrame:
    """Return the population values behind `simulate_checkout`, one row per outcome and segment."""
    import pandas as pd

    from whatif.simulate.truth import read_truth

    def plain(row: Any) -> Mapping[str, object]:  # noqa: ANN401  (a truth row)
        return {
            "per": row.per,
            "segment": ", ".join(f"{column} = {level}" for column, level in row.segment),
            "outcome": row.outcome,
            "share": row.share.value,
            "folded": row.folded.value,
            "expanded": row.expanded.value,
            "difference": row.difference.value,
            "mc_error": row.difference.mc_error,
        }

    return pd.DataFrame([plain(row) for row in read_truth(mode)])
