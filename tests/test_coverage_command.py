"""`make coverage` measures what it says, on a log small enough for every run of the suite."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.benchmarks.coverage import bias_table, coverage_table, replicate, study


def test_one_replication_compares_every_shown_effect_with_its_truth() -> None:
    draws = pd.DataFrame(replicate(0, sessions=6_000, workers=1))
    assert {"converted · everyone", "cost_per_order · mobile"} <= set(draws["quantity"])
    wider = draws["z_independent"] / draws["z"]  # clustered error over independent error
    assert (wider.iloc[:3] > 1.1).all()
    assert wider.mean() > 1.1
    assert np.isfinite(draws[["z", "z_independent", "z_naive"]].to_numpy()).all()
    assert set(coverage_table(draws).columns) >= {"interval", "independent errors"}
    assert len(bias_table(draws)) == len(draws)
    assert study().design.kind == "observational"
