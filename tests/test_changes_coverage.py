"""Parts of simulated moves cover what they estimate; COVERAGE.md keeps the long table."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.benchmarks import changes as simulated
from whatif.scenarios.changes.cells import cut_by
from whatif.scenarios.changes.runs import match
from whatif.scenarios.changes.split import Move, split

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


def _with_five_new(seed: int, *, other_models: bool) -> Move:
    """Split the move by five new sessions, beside other models and rows that are gone or not."""
    older, newer, early = simulated.draw("null", seed)
    kept = early | (np.cumsum(~early) <= 5)
    few = simulated.taken(newer, kept)
    then = older if other_models else simulated.taken(newer, early)
    runs = match(then, few, simulated.METRICS["orders"], early[kept])
    move = split(cut_by(runs, few.columns, (("place",),)), level=0.95)
    assert move is not None
    return move


def test_a_move_covers_where_a_handful_of_sessions_are_new() -> None:
    """Five new sessions carry too little to have a range, and leave that of the move sound."""
    moves = [_with_five_new(seed, other_models=True) for seed in range(2 * REPLICATIONS)]
    for move in moves:
        unbounded = [part.part for part in move.parts if part.ci == (None, None)]
        assert unbounded == ["mix", "mechanism"]
        assert 30 < move.total.df < move.parts[0].df
    totals = [move.total.ci for move in moves]
    held = [low <= 0 <= high for low, high in totals if low is not None and high is not None]
    assert len(held) == len(totals)
    assert np.mean(held) >= stats.binom.ppf(1e-4, len(held), 0.95) / len(held)


def test_a_handful_of_new_sessions_that_are_the_whole_move_leave_it_without_a_range() -> None:
    move = _with_five_new(0, other_models=False)
    assert [one.ci for one in (move.total, *move.parts)] == [(None, None)] * 3
    assert move.total.std_error > 0
    assert all(part.share is None for part in move.parts)
