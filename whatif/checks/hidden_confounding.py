"""How strong would a cause that nobody measured have to be to explain the effect?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.checks.analysed import analysed_rows, primary_outcome
from whatif.checks.benchmarking import measured_benchmarks
from whatif.checks.conclude import amount, conclude, percent
from whatif.checks.evidence import Check, Evidence
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.contract.spec import RatioSpec
from whatif.effects.sensitivity.assess import Worth, compared, hidden_cause
from whatif.effects.sensitivity.benchmark import (
    as_equal_strength,
    everything_measured,
    explained_share,
    predictions,
)
from whatif.effects.sensitivity.bounds import bounded_like
from whatif.effects.sensitivity.record import Benchmark, HiddenCause

MOST_UNITS = 100_000
_OPEN = "of what is left open in the outcome and of the weights that balance the arms"
_BLIND = "Whether such a cause exists, and causes unlike those measured: strength is all it weighs."


class HiddenConfounding:
    """Hold the robustness value against the strongest measured covariate, told roughly.

    The statistic is RVa, the equal strength of a hidden cause at which the range of the primary
    effect reaches zero. The threshold is the strength of the strongest covariate by a split of
    what all of them explain together (decision 27); nothing is trained again. Of several arms the
    one with the least room counts.
    """

    code: ClassVar[str] = "WI-OVB-01"
    name: ClassVar[str] = "hidden_confounding"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = (
        "Whether a hidden cause about as strong as the strongest measured one could erase the "
        "effect, without training again."
    )
    why: ClassVar[str] = (
        "In past data something that was not measured may have chosen the arm and moved the "
        "outcome."
    )
    blind: ClassVar[str] = _BLIND
    fix: ClassVar[str] = (
        "Measure the causes of the arm that are still missing, or run a randomised test; do not "
        "rest a decision on this effect alone."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare RVa with the rough strength of the strongest covariate."""
        found = _assessed(self, evidence)
        if isinstance(found, CheckResult):
            return found
        likes = [_rough_strength(evidence, about) for about in found]
        worst = int(np.argmin([one.rva - like[1] for one, like in zip(found, likes, strict=True)]))
        about, (covariate, line) = found[worst], likes[worst]
        if line == 0.0:
            return conclude(
                self,
                Status.DID_NOT_RUN,
                f"{_needed(about)} What was measured explains nothing of arm or outcome beyond "
                "chance, so there is no yardstick for a hidden cause.",
            )
        return conclude(
            self,
            Status.BROKE if about.rva < line else Status.HELD,
            f"{_needed(about)} The strongest measured covariate ({covariate}) explains about "
            f"{_share(line)}, by a rough split of what all of them explain.",
            statistic=about.rva,
            threshold=line,
        )


class ConfounderBenchmarks:
    """Hold the robustness value against the strongest measured covariate (ruling 30).

    Models are trained again without each covariate on the stated subsample. The statistic is RVa,
    the threshold the equal strength of the strongest covariate. *Broke*: a hidden cause as strong
    as it, at its worst, would bring the range of the effect to zero.
    """

    code: ClassVar[str] = "WI-OVB-02"
    name: ClassVar[str] = "confounder_benchmarks"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = (
        "Whether a hidden cause as strong as the strongest measured one could erase the effect."
    )
    why: ClassVar[str] = (
        "What was measured shows how strong causes of arm and outcome can be in these data."
    )
    blind: ClassVar[str] = _BLIND
    fix: ClassVar[str] = HiddenConfounding.fix

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare RVa with the strongest benchmark."""
        found = _assessed(self, evidence)
        if isinstance(found, CheckResult):
            return found
        measured = evidence.benchmarks
        if measured is None:
            measured = measured_benchmarks(evidence)
        strongest = [
            max((b for b in measured if b.arm == one.arm), key=lambda b: b.strength)
            for one in found
        ]
        room = [one.rva - b.strength for one, b in zip(found, strongest, strict=True)]
        about, like = found[int(np.argmin(room))], strongest[int(np.argmin(room))]
        if like.strength == 0.0:
            return conclude(
                self,
                Status.DID_NOT_RUN,
                f"{_needed(about)} Leaving out any one covariate changes nothing, so there is no "
                "yardstick for a hidden cause.",
            )
        return conclude(
            self,
            Status.BROKE if about.rva < like.strength else Status.HELD,
            f"Of the covariates left out in turn, {like.covariate} is the strongest: it explains "
            f"{_share(like.strength)} {_OPEN}. A hidden cause that explained {_share(about.rva)} "
            f"would bring the range of the effect of {about.arm} on {about.outcome} to zero.",
            statistic=about.rva,
            threshold=like.strength,
            details=tuple(_detail(one, b) for one in found for b in measured if b.arm == one.arm),
        )


def _worth(evidence: Evidence) -> Worth:
    k = evidence.scores.outcomes.index(primary_outcome(evidence.spec))
    per = np.zeros(len(evidence.scores.outcomes))
    per[k] = 1.0
    return Worth(name=evidence.scores.outcomes[k], per=per)


def _assessed(check: Check, evidence: Evidence) -> CheckResult | list[HiddenCause]:
    """Return what is known of every arm told apart from zero, or why the check does not apply."""
    design = evidence.design
    reason = ""
    if design.kind == "experiment" or design.known is not None:
        reason = "Chance decided who got what, so no hidden cause can have."
    elif isinstance(evidence.spec.primary, RatioSpec):
        reason = "The primary metric is a ratio, for which no bound is known in this version."
    elif not design.features.names:
        reason = "No covariate is adjusted for, so every cause is a hidden one."
    if reason:
        return conclude(check, Status.NOT_APPLICABLE, reason)
    found = [
        hidden_cause(evidence.scores, _worth(evidence), arm=arm, level=evidence.spec.level)
        for arm in range(1, len(evidence.scores.arms))
    ]
    told = [one for one in found if one.rva > 0.0]
    if not told:
        return conclude(
            check,
            Status.NOT_APPLICABLE,
            f"The range of the effect on {found[0].outcome} holds zero, so there is no effect for "
            "a hidden cause to explain; one may as well hide an effect.",
        )
    return told


def _rough_strength(evidence: Evidence, about: HiddenCause) -> tuple[str, float]:
    """Return the covariate with most of what all together explain, and its equal strength.

    Each gets the share of the variation of both predictions that lies between its own levels, on
    at most 100,000 evenly spaced units.
    """
    scores, features = evidence.scores, evidence.design.features
    part = compared(scores, _worth(evidence), arm=scores.arms.index(about.arm))
    together = everything_measured(part, about.target, (about.outcome, about.arm))
    outcome, odds = predictions(part, about.target)
    taken = np.flatnonzero(part.arm >= 0)
    taken = taken[:: taken.size // MOST_UNITS + 1]
    rows = analysed_rows(evidence)[taken]
    best = ("", 0.0)
    for j, name in enumerate(features.names):
        column = features.values[rows, j].astype(np.float64)
        of_outcome, of_odds = (
            explained_share(column, one[taken], categorical=bool(features.categorical[j]))
            for one in (outcome, odds)
        )
        own = as_equal_strength(together.cf_y * of_outcome, together.cf_d * of_odds)
        best = (name, own) if own > best[1] else best
    return best


def _needed(about: HiddenCause) -> str:
    return (
        f"A hidden cause that explained {_share(about.rv)} {_OPEN} would bring the effect of "
        f"{about.arm} on {about.outcome} to zero; {_share(about.rva)} would bring its range there."
    )


def _share(strength: float) -> str:
    return percent(strength) if strength >= 0.01 else f"{amount(100 * strength)} %"  # noqa: PLR2004


def _detail(about: HiddenCause, like: Benchmark) -> Detail:
    return Detail(
        name=f"with a hidden cause as strong as {like.covariate}",
        outcome=about.outcome,
        arm=about.arm,
        n=about.n,
        estimate=about.estimate,
        ci=bounded_like(about, like).ci,
    )
