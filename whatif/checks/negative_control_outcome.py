"""Does the treatment seem to change what it cannot change?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special

from whatif.base.arrays import Floats
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, subsample
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.design.record import Design
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.joint import joint
from whatif.effects.stepdown import holm
from whatif.graph.controls import placebo_outcomes, unfit_outcome
from whatif.scores.record import Scores

LEVEL = 0.01
MATTERS = 0.3
"""Gap between arms, in standard deviations of the control, that must be visible."""

DETERMINED = 0.999
LEARNERS = ("glm",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What looks like an effect of one arm on one negative control outcome.

    Attributes
    ----------
    control, arm : str
        Column, and the arm compared with the study's control.
    estimate, error : float
        Adjusted difference and its clustered standard error, in the column's unit.
    degrees : int
        Clusters − 1; of the smaller arm where clusters were assigned.
    spread : float
        Standard deviation of the column.
    rows, missing, outside : int
        Rows behind it, rows without the column, rows outside the overlap rule.
    """

    control: str
    arm: str
    estimate: float
    error: float
    degrees: int
    spread: float
    rows: int
    missing: int
    outside: int

    @property
    def p_value(self) -> float:
        """Two-sided, from a t distribution."""
        return float(2 * special.stdtr(self.degrees, -abs(self.estimate / self.error)))

    def visible(self, alpha: float) -> float:
        """Return the gap that would be seen at level `alpha` half of the time."""
        return float(special.stdtrit(self.degrees, 1 - alpha / 2) * self.error)


class NegativeControlOutcome:
    """Run the study's pipeline on columns that the treatment cannot change.

    GLM candidate on at most 15,000 rows chosen by cluster; clustered errors; Holm at .01 over
    columns and arms. A column that the graph makes an effect of the treatment is refused. The
    statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-NCO-01"
    name: ClassVar[str] = "negative_control_outcome"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the arms differ in columns that the treatment cannot change."
    why: ClassVar[str] = (
        "Such a gap is not an effect, so whatever made it may have made the study's effect too."
    )
    blind: ClassVar[str] = "Hidden causes of arm and outcome that do not move the chosen columns."
    fix: ClassVar[str] = (
        "Find what the arms differ in, measure it and adjust for it; until then read the effect "
        "as at most a hint."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Estimate the effect on every declared column."""
        declared = evidence.spec.negative_controls.outcomes
        if not declared:
            return conclude(self, Status.NOT_APPLICABLE, _suggested(evidence))
        features = evidence.design.features.names
        reasons = {n: unfit_outcome(evidence.estimand, n, adjusted=features) for n in declared}
        refused = [f"{name} ({why})" for name, why in reasons.items() if why is not None]
        usable = [name for name, why in reasons.items() if why is None]
        if not usable:
            why = f"No declared column can serve: {'; '.join(refused)}."
            return conclude(self, Status.NOT_APPLICABLE, why)
        sample = subsample(evidence)
        gaps: list[Gap] = []
        for name in usable:
            found = _gaps(evidence, sample, name)
            if isinstance(found, str):
                refused.append(f"{name} ({found})")
            else:
                gaps += found
        return self._judge(gaps, refused, evidence.spec.level)

    def _judge(self, gaps: list[Gap], refused: list[str], level: float) -> CheckResult:
        left = [f"Not used: {'; '.join(refused)}."] if refused else []
        if not gaps:
            return conclude(self, Status.DID_NOT_RUN, " ".join(["Not run.", *left]))
        p_values = holm([gap.p_value for gap in gaps])
        seen = [gap.visible(LEVEL / len(gaps)) / gap.spread for gap in gaps]
        clear = [one for one in seen if one <= MATTERS]
        worst = gaps[int(p_values.argmin())]
        words = (
            f"{worst.arm} seems to change {worst.control} by {amount(worst.estimate)} "
            f"(± {amount(worst.error)}, {worst.estimate / worst.spread:+.2f} standard deviations)"
        )
        if p_values.min() < LEVEL:
            status, words = Status.BROKE, f"{words}, which it cannot."
        elif not clear:
            status = Status.DID_NOT_RUN
            words = (
                f"Too little data: a gap below {min(seen):.2f} standard deviations would go "
                f"unseen, and {MATTERS:g} matters."
            )
        else:
            status = Status.HELD
            words = (
                f"No gap beyond luck in {listed(list(dict.fromkeys(g.control for g in gaps)))}; "
                f"{max(clear):.2f} standard deviations could have been seen"
            )
            thin = len(gaps) - len(clear)
            words += f", but in {thin} of {len(gaps)} comparisons only more." if thin else "."
        return conclude(
            self,
            status,
            " ".join([words, *_counted(gaps), *left]),
            statistic=float(p_values.min()),
            threshold=LEVEL,
            details=tuple(_detail(gap, level) for gap in gaps),
        )


def _suggested(evidence: Evidence) -> str:
    adjusted = evidence.design.features.names
    names = placebo_outcomes(evidence.estimand, adjusted=adjusted)
    could = f" By the graph these could serve: {listed(names)}." if names else ""
    return f"The study declares no negative control outcome.{could}"


def _gaps(evidence: Evidence, sample: Subsample, name: str) -> list[Gap] | str:
    """Return the gap of every arm in one column, or why it cannot be used."""
    values = as_numbers(sample.design.check_columns[name])
    if isinstance(values, str):
        return values
    rows = np.flatnonzero(~np.isnan(values))
    design = _on(sample.design.take(rows), name, values[rows])
    part = replace(sample, design=design, cluster=sample.cluster[rows])
    if part.unfit is not None:
        return part.unfit
    scores = evidence.rescore(design, LEARNERS)
    gains = [one.gain for one in scores.quality if one.target == name]
    if gains and min(gains) > DETERMINED:
        return "the covariates determine it"
    found = _from_scores(scores, spread=float(values[rows].std()), missing=values.size - rows.size)
    if not all(gap.error > 0 for gap in found):
        return "its scores do not vary"
    return [replace(gap, outside=design.n - scores.n) for gap in found]


def as_numbers(column: pd.Series) -> Floats | str:
    """Return a column as numbers, NaN where it is missing, or why it cannot be one.

    Examples
    --------
    >>> as_numbers(pd.Series([True, False])).tolist()
    [1.0, 0.0]
    >>> as_numbers(pd.Series(["a", "b"]))
    'it holds words, not numbers'
    """
    kinds = pd.api.types
    if not (kinds.is_numeric_dtype(column) or kinds.is_bool_dtype(column)):
        return "it holds words, not numbers"
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        return "it has infinite values"
    known = values[~np.isnan(values)]
    if known.size == 0:
        return "it has no values"
    return values if np.ptp(known) > 0 else "it is constant"


def _on(design: Design, name: str, values: Floats) -> Design:
    """Return the design with the negative control in the outcome's place."""
    binary = bool(((values == 0) | (values == 1)).all())
    return replace(
        design,
        outcomes=(name,),
        kinds=("binary" if binary else "amount",),
        y=values[:, None],
        refolds=(),
    )


def _from_scores(scores: Scores, *, spread: float, missing: int) -> list[Gap]:
    means = joint(scores, cut(scores.columns, ()))
    metric = Metric(name=scores.outcomes[0], numerator=0)
    found = []
    for a in range(1, len(scores.arms)):
        one = contrast(means, metric, cell=0, arm=a)
        found.append(
            Gap(
                control=metric.name,
                arm=scores.arms[a],
                estimate=one.difference,
                error=means.error(one.gradient),
                degrees=means.degrees(0, a),
                spread=spread,
                rows=scores.n,
                missing=missing,
                outside=0,
            )
        )
    return found


def _counted(gaps: list[Gap]) -> list[str]:
    """Say on how many rows, and which rows were left out."""
    each = {gap.control: gap for gap in gaps}.values()
    lines = [f"On {max(gap.rows for gap in each):,} rows."]
    lines += [
        f"{gap.missing:,} rows without {gap.control} were left out." for gap in each if gap.missing
    ]
    lines += [
        f"{gap.outside:,} rows outside the overlap rule were left out for {gap.control}."
        for gap in each
        if gap.outside
    ]
    return lines


def _detail(gap: Gap, level: float) -> Detail:
    reach = float(special.stdtrit(gap.degrees, (1 + level) / 2)) * gap.error
    return Detail(
        name=gap.control,
        outcome=gap.control,
        arm=gap.arm,
        n=gap.rows,
        estimate=gap.estimate,
        ci=(gap.estimate - reach, gap.estimate + reach),
    )
