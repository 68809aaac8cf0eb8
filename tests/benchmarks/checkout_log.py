"""Does the answer cover the truth of a confounded checkout log? Bias on large logs, then coverage.

Twenty seeds of 200,000 sessions test bias (mean z of every effect); four hundred seeds of 20,000
sessions test coverage of intervals and bands, and that independent errors fail where clustered ones
pass. Truth: population values from an independent draw of 10⁷ sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from tests.benchmarks.running import markdown, replicated
from whatif.contract.spec import StudySpec
from whatif.contract.study_file import study_from_mapping
from whatif.effects.rows import EffectRow, Segment
from whatif.effects.table import effect_rows
from whatif.run.analysis import design_of_frame
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.truth import read_truth

COVARIATES = [
    "tenure_days", "cart_value", "distance_km", "is_member", "hour", "n_options", "device",
    "urbanicity", "week",
]  # fmt: skip
LARGE, SMALL = 200_000, 20_000
"""Sessions of a log that tests bias, and of one that tests coverage."""
_FIRST_SMALL_SEED = 1_000


def study() -> StudySpec:
    """The checkout question on past data."""
    return study_from_mapping(
        {
            "study": "coverage",
            "unit": "session_id",
            "cluster": "customer_id",
            "time": "started_at",
            "treatment": {"column": "presentation", "control": "folded"},
            "design": {"kind": "observational"},
            "outcomes": [
                {"column": "converted", "kind": "binary", "matters_from": 0.002},
                {"column": "shipping_cost", "kind": "cost", "better": "lower"},
            ],
            "ratios": [
                {
                    "name": "cost_per_order",
                    "numerator": "shipping_cost",
                    "denominator": "converted",
                    "better": "lower",
                }
            ],
            "covariates": COVARIATES,
            "segments": ["urbanicity", "device", ["urbanicity", "device"]],
            "freshness": "3650d",
        },
        on_frame=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One effect of one replication, against its population value."""

    seed: int
    quantity: str
    family: str
    z: float
    z_independent: float
    z_naive: float
    covered: bool
    covered_independent: bool
    in_band: bool


def replicate(seed: int, *, sessions: int, workers: int) -> list[Draw]:
    """Simulate one confounded log and compare every effect with its truth."""
    spec = study()
    frame = simulate_checkout(sessions, seed=seed, mode="confounded")
    design = design_of_frame(spec, frame[~frame["is_bot"]])
    scores = fit_scores(design, rule=spec.overlap, seed=seed, key="", workers=workers)
    rows = effect_rows(scores, spec)[1].effects
    alone = effect_rows(_independent(scores), spec)[1].effects
    naive = effect_rows(_naive(scores), spec)[1].effects
    truth: dict[tuple[str, Segment], float] = {
        (known.outcome, known.segment): known.difference.value
        for known in read_truth("confounded")
        if known.per == "session"
    }
    return [
        _draw(seed, row, one, plain, truth[row.outcome, row.segment])
        for row, one, plain in zip(rows, alone, naive, strict=True)
        if row.shown == "shown"
    ]


def _independent(scores: Scores) -> Scores:
    return replace(scores, cluster=np.arange(scores.n))


def _naive(scores: Scores) -> Scores:
    """Arm means without adjustment, as scores, so that errors stay clustered."""
    means = np.stack([scores.y[scores.arm == a].mean(axis=0) for a in range(2)])
    gamma = np.tile(means, (scores.n, 1, 1))
    share = np.bincount(scores.arm) / scores.n
    own = (np.arange(scores.n), scores.arm)
    gamma[own] += (scores.y - means[scores.arm]) / share[scores.arm][:, None]
    return replace(scores, gamma=gamma)


def _draw(seed: int, row: EffectRow, one: EffectRow, plain: EffectRow, truth: float) -> Draw:
    assert row.estimate is not None
    assert plain.estimate is not None
    where = " × ".join(str(level) for _, level in row.segment) or "everyone"
    return Draw(
        seed=seed,
        quantity=f"{row.outcome} · {where}",
        family=row.family,
        z=(row.estimate - truth) / (row.std_error or np.nan),
        z_independent=(row.estimate - truth) / (one.std_error or np.nan),
        z_naive=(plain.estimate - truth) / (plain.std_error or np.nan),
        covered=_inside(row.ci, truth),
        covered_independent=_inside(one.ci, truth),
        in_band=_inside(row.band, truth),
    )


def _inside(ends: tuple[float | None, float | None], truth: float) -> bool:
    low, high = ends
    return low is not None and high is not None and low <= truth <= high


def bias_table(draws: pd.DataFrame) -> pd.DataFrame:
    """Mean z of ours, and the naive difference's smallest distance from the truth."""
    grouped = draws.groupby("quantity", sort=False)
    return pd.DataFrame(
        {
            "quantity": grouped["z"].mean().index,
            "mean z": grouped["z"].mean(),
            "sd z": grouped["z"].std(),
            "naive: smallest |z|": grouped["z_naive"].apply(lambda z: z.abs().min()),
        }
    )


def coverage_table(draws: pd.DataFrame) -> pd.DataFrame:
    """Coverage of intervals, of whole bands, and of intervals with independent errors."""
    grouped = draws.groupby("quantity", sort=False)
    whole = draws.groupby(["family", "seed"], sort=False)["in_band"].all()
    bands = whole.groupby("family", sort=False).mean()
    family = grouped["family"].first()
    return pd.DataFrame(
        {
            "quantity": family.index,
            "interval": grouped["covered"].mean(),
            "independent errors": grouped["covered_independent"].mean(),
            "band of its family": family.map(bands),
            "replications": grouped["seed"].size(),
        }
    )


def chance_sentence(cells: int, replications: int) -> str:
    """Say how often intervals that are sound would still show a cell below .92.

    Examples
    --------
    >>> chance_sentence(54, 400)[:52]
    'An interval that covers .945 shows less than .92 in '
    """
    below = float(stats.binom.cdf(int(np.ceil(0.92 * replications)) - 1, replications, 0.945))
    any_below = 1 - (1 - below) ** cells
    return (
        f"An interval that covers .945 shows less than .92 in {below:.1%} of such tables; among "
        f"{cells} cells, were they independent, at least one does in {any_below:.0%}."
    )


def bias_section(seeds: int) -> str:
    """Measure bias on `seeds` large logs, and say it."""
    work = partial(replicate, sessions=LARGE, workers=1)
    draws = replicated(work, range(seeds), label=f"{LARGE:,} sessions")
    bias = bias_table(pd.DataFrame(draws))
    found = (
        f"{seeds} seeds of {LARGE:,} confounded checkout sessions. Largest |mean z| "
        f"{bias['mean z'].abs().max():.2f} (asked: at most .75); smallest naive |z| overall "
        f"{bias['naive: smallest |z|'].iloc[:3].min():.1f}."
    )
    return f"{found}\n\n{markdown(bias)}"


def coverage_section(seeds: int) -> str:
    """Measure coverage on `seeds` small logs, and say it."""
    work = partial(replicate, sessions=SMALL, workers=1)
    first = _FIRST_SMALL_SEED
    draws = replicated(work, range(first, first + seeds), label=f"{SMALL:,} sessions")
    cover = coverage_table(pd.DataFrame(draws))
    found = (
        f"{seeds} seeds of {SMALL:,} confounded checkout sessions. Lowest interval coverage "
        f"{cover['interval'].min():.3f} (asked: .92), lowest band coverage "
        f"{cover['band of its family'].min():.3f} (asked: .91), lowest coverage with independent "
        f"errors {cover['independent errors'].min():.3f}."
    )
    return "\n\n".join([found, chance_sentence(len(cover), seeds), markdown(cover)])
