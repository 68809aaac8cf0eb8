"""Parts of simulated moves cover what they estimate; COVERAGE.md keeps the long table."""

from __future__ import annotations

from scipy import stats

from tests.benchmarks import changes as simulated

REPLICATIONS = 30


def test_parts_cover_in_simulated_runs_and_find_what_was_planted() -> None:
    """A sound range misses more often than that once in 10,000 such tests."""
    draws = [one for seed in range(REPLICATIONS) for one in simulated.clustered(seed)]
    table = simulated.table(draws).set_index(["errors", "world", "metric", "part"])
    sound = table.loc["clustered"]
    least = stats.binom.ppf(1e-4 / len(sound), REPLICATIONS, 0.95) / REPLICATIONS
    assert (sound["coverage"] >= least).all()
    orders = sound["holds zero"].xs("orders", level="metric")
    assert orders["mechanism", "mechanism"] < 0.5
    assert orders["revised", "rescored"] < 0.5
    assert orders["mix", "mechanism"] >= least
    assert orders["null", "total"] >= least
