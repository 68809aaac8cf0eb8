"""Do intervals and bands cover when customers come back? 4,000 sessions of 1,000 customers.

Each replication draws past data in which a customer mostly sees one arm and orders correlate at .3
within customers, and runs the public pipeline: design, scores with the default learners on two
folds, effects, money. The same scores with every session taken as independent stand beside it, but
for the crossed segments, whose effects cost the most time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from tests.benchmarks.repeated_customers import MONEY, ORDER_WORTH, draw, truth
from tests.benchmarks.running import markdown, replicated
from whatif.contract.spec import StudySpec
from whatif.contract.study_file import study_from_mapping
from whatif.effects.money import money
from whatif.effects.rows import EffectRow, Ends, Segment
from whatif.effects.table import effect_rows
from whatif.run.analysis import design_of_frame
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores

TITLE = "Repeated customers"
LOW, HIGH = 0.930, 0.970
MEAN_LOW, MEAN_HIGH = 0.940, 0.960
BAND_LOW = 0.930
_FIRST_SEED = 10_000


@cache
def study() -> StudySpec:
    """The question asked of every draw."""
    return study_from_mapping(
        {
            "study": "repeated-customers",
            "unit": "session_id",
            "cluster": "customer_id",
            "treatment": {"column": "presentation", "control": "folded"},
            "design": {"kind": "observational"},
            "outcomes": [
                {"column": "converted", "kind": "binary"},
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
            "covariates": ["urbanicity", "device", "is_member", "cart_value"],
            "segments": ["urbanicity", "device", ["urbanicity", "device"]],
            "value": {
                "currency": "USD",
                "per": {"converted": ORDER_WORTH, "shipping_cost": -1.0},
                "units_per_month": 1,
            },
            "folds": 2,
        },
        on_frame=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One interval of one replication, against its population value.

    Attributes
    ----------
    kind : str
        ``"average"``, ``"segment"``, ``"money"`` or ``"relative lift"``.
    quantity, family : str
        The metric and segment, and the family of its band; no family for money and lifts.
    z : float
        Distance from the truth, in errors.
    covered, in_band : bool
        Whether interval and band hold the truth.
    alone_covered, alone_in_band, widening : float
        The same with independent errors, and how much wider than theirs the interval is; NaN for
        crossed segments.
    """

    seed: int
    kind: str
    quantity: str
    family: str
    z: float
    covered: bool
    in_band: bool
    alone_covered: float
    alone_in_band: float
    widening: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    kind: str
    quantity: str
    family: str
    truth: float
    ci: Ends
    band: Ends


_known = cache(truth)


def replicate(seed: int, *, spec: StudySpec | None = None) -> list[Draw]:
    """Draw one log, run the pipeline, and compare every shown effect with its truth."""
    spec = spec or study()
    design = design_of_frame(spec, draw(seed))
    scores = fit_scores(
        design, rule=spec.overlap, seed=seed, key="", learners=spec.learners, workers=1
    )
    plain = spec.model_copy(update={"segments": spec.segments[:2]})
    alone = {
        shown.quantity: shown
        for shown in _answers(replace(scores, cluster=np.arange(scores.n)), plain)
    }
    return [_draw(seed, shown, alone.get(shown.quantity)) for shown in _answers(scores, spec)]


def _answers(scores: Scores, spec: StudySpec) -> list[_Shown]:
    means, rows = effect_rows(scores, spec)
    assert spec.value is not None
    worth = money(means, spec.value, arm=1, per_month=1.0, level=spec.level)
    found = [shown for row in rows.effects if row.shown == "shown" for shown in _of_row(row)]
    gain = _known()[MONEY, ()].difference
    return [
        *found,
        _Shown(kind=MONEY, quantity=f"{MONEY} · everyone", family="", truth=gain, ci=worth.ci,
               band=worth.ci),
    ]  # fmt: skip


def _of_row(row: EffectRow) -> Iterator[_Shown]:
    known = _known()[row.outcome, row.segment]
    name = f"{row.outcome} · {_where(row.segment)}"
    kind = "segment" if row.segment else "average"
    yield _Shown(kind=kind, quantity=name, family=row.family, truth=known.difference, ci=row.ci,
                 band=row.band)  # fmt: skip
    if row.relative is not None and not row.segment:
        lift = known.difference / known.folded
        yield _Shown(kind="relative lift", quantity=f"{name}, relative", family="", truth=lift,
                     ci=row.relative.ci, band=row.relative.ci)  # fmt: skip


def _where(segment: Segment) -> str:
    return " × ".join(str(level) for _, level in segment) or "everyone"


def _draw(seed: int, shown: _Shown, alone: _Shown | None) -> Draw:
    low, high = _ends(shown.ci)
    error = (high - low) / 2 / stats.norm.ppf(0.975)
    return Draw(
        seed=seed,
        kind=shown.kind,
        quantity=shown.quantity,
        family=shown.family,
        z=float(((low + high) / 2 - shown.truth) / error),
        covered=_inside(shown.ci, shown.truth),
        in_band=_inside(shown.band, shown.truth),
        alone_covered=float(_inside(alone.ci, alone.truth)) if alone else np.nan,
        alone_in_band=float(_inside(alone.band, alone.truth)) if alone else np.nan,
        widening=(high - low) / float(np.ptp(_ends(alone.ci))) if alone else np.nan,
    )


def _ends(ends: Ends) -> tuple[float, float]:
    low, high = ends
    assert low is not None
    assert high is not None
    return low, high


def _inside(ends: Ends, truth: float) -> bool:
    low, high = _ends(ends)
    return low <= truth <= high


def run(replications: int) -> pd.DataFrame:
    """Return one row per replication and interval."""
    seeds = range(_FIRST_SEED, _FIRST_SEED + replications)
    return pd.DataFrame(replicated(replicate, seeds, label=TITLE))


def interval_table(draws: pd.DataFrame) -> pd.DataFrame:
    """Coverage of every interval, with clustered and with independent errors."""
    grouped = draws.groupby("quantity", sort=False)
    coverage, count = grouped["covered"].mean(), grouped.size()
    return pd.DataFrame(
        {
            "effect": coverage.index,
            "kind": grouped["kind"].first(),
            "coverage": coverage,
            "± (one error)": np.sqrt(coverage * (1 - coverage) / count),
            "independent errors": grouped["alone_covered"].mean(),
            "mean z": grouped["z"].mean(),
            "sd z": grouped["z"].std(),
            "replications": count,
        }
    )


def band_table(draws: pd.DataFrame) -> pd.DataFrame:
    """How often a whole band holds every truth of its family."""
    banded = draws[draws["family"] != ""]
    whole = banded.groupby(["family", "seed"], sort=False)[["in_band", "alone_in_band"]].min()
    grouped = whole.groupby("family", sort=False)
    shares = grouped.mean()
    return pd.DataFrame(
        {
            "family": shares.index,
            "band": shares["in_band"],
            "independent errors": shares["alone_in_band"],
            "replications": grouped.size(),
        }
    )


def chance_to_fail(replications: int, *, coverage: float) -> float:
    """Chance that an interval of this true coverage shows less than .930 or more than .970.

    Examples
    --------
    >>> chance_to_fail(4_000, coverage=0.95) < 1e-7, chance_to_fail(4_000, coverage=0.92) > 0.98
    (True, True)
    """
    law = stats.binom(replications, coverage)
    low, high = np.ceil(LOW * replications) - 1, np.floor(HIGH * replications)
    return float(law.cdf(low) + law.sf(high))


def section(replications: int) -> str:
    """Measure and say it: what was asked, what was found, and the tables."""
    draws = run(replications)
    intervals, bands = interval_table(draws), band_table(draws)
    cover, alone = intervals["coverage"], intervals["independent errors"]
    sound = ((cover >= LOW) & (cover <= HIGH)).all() and MEAN_LOW <= cover.mean() <= MEAN_HIGH
    met = sound and bool((bands["band"] >= BAND_LOW).all())
    alarm = chance_to_fail(replications, coverage=0.95)
    found = (
        f"**{'Met' if met else 'Not met'}.** Intervals cover {cover.min():.3f} to "
        f"{cover.max():.3f} (asked: .930 to .970), {cover.mean():.3f} on average (asked: .940 to "
        f".960); bands at least {bands['band'].min():.3f} (asked: .930). With independent errors "
        f"{int((alone < LOW).sum())} of {alone.count()} intervals fall below .930, the lowest at "
        f"{alone.min():.3f}, {alone.mean():.3f} on average; bands down to "
        f"{bands['independent errors'].min():.3f}."
    )
    chance = (
        f"{replications:,} replications. The chance that an interval which truly covers .95 falls "
        f"outside .930 to .970 is {alarm:.1g}, so an engine with {len(cover)} such intervals and "
        f"{len(bands)} such bands passes with a chance of at least "
        f"{max(1 - (len(cover) + len(bands)) * alarm, 0):.6f}; an interval that covers .92 fails "
        f"with a chance of {chance_to_fail(replications, coverage=0.92):.3f}."
    )
    return "\n\n".join([found, chance, markdown(intervals), markdown(bands)])
