"""Is the effect the same in every phase of a ramp?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.checks.analysed import analysed_rows
from whatif.checks.arrivals import phase_name
from whatif.checks.conclude import conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.period_effects import (
    LEVEL,
    Compared,
    all_details,
    compared_periods,
    judged,
    worded,
)
from whatif.checks.result import CheckResult, Cost, Detail, Status


class EffectsByPhase:
    """Effects by phase of a ramp beside the pooled one, and a test that they are equal (ruling 3).

    One clustered F test for each arm, on the primary metric and each guardrail; they share the
    level of .01 (Holm). Customers who came in several phases tie the phases together, and the
    joint covariance of the scores counts that. The statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-PHA-01"
    name: ClassVar[str] = "effects_by_phase"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether effects are the same in every phase of a ramp."
    why: ClassVar[str] = (
        "The pooled effect is an average over phases; if they differ it describes none of them, "
        "and perhaps not the weeks to come."
    )
    blind: ClassVar[str] = "Differences within a phase, and whether time or the share caused them."
    fix: ClassVar[str] = (
        "Read the effects by phase in the appendix, ask what changed with the phase, and decide "
        "on the phase that is like the future."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare effects between phases."""
        phase = evidence.design.phase[analysed_rows(evidence)]
        codes = np.flatnonzero(np.bincount(phase))
        if codes.size < 2:  # noqa: PLR2004  (nothing to compare)
            return conclude(self, Status.NOT_APPLICABLE, "The study has no ramp with phases.")
        names = [f"phase {phase_name(evidence.spec, int(code))}" for code in codes]
        place = np.searchsorted(codes, phase).astype(np.int64)
        found = compared_periods(evidence.scores, evidence.spec, place, names)
        verdict = judged(found)
        return conclude(
            self,
            verdict.status,
            verdict.because
            if verdict.worst is None
            else f"{_effects(verdict.worst)}; {verdict.because}",
            statistic=verdict.p_value,
            threshold=LEVEL,
            details=(*_pooled(evidence, found), *all_details(found)),
        )


def _effects(one: Compared) -> str:
    effects = listed([f"{worded(effect)} in {effect.detail.name}" for effect in one.effects])
    return f"{one.arm} moved {one.outcome} by {effects}"


def _pooled(evidence: Evidence, found: list[Compared]) -> list[Detail]:
    """Return the pooled effects as the run states them."""
    shown = {(one.outcome, one.arm) for one in found}
    return [
        Detail(
            name="all phases",
            outcome=row.outcome,
            arm=row.arm,
            n=row.n,
            estimate=row.estimate,
            ci=row.ci,
        )
        for row in evidence.effects.effects
        if not row.segment and row.estimate is not None and (row.outcome, row.arm) in shown
    ]
