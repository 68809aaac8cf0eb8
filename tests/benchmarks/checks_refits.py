"""How often the checks that train again alarm: about 900 sessions of 175 customers, real pipeline.

Past data have 1,750 sessions of 350 customers, about the fewest that subset stability judges.
Correlation within customers is .3 or more, costs are heavy-tailed, tuning is held as in a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.checks_evidence import evidence_of, world
from whatif.base.arrays import Floats
from whatif.checks.catalogue import run_checks
from whatif.checks.evidence import Check, Evidence
from whatif.checks.placebo_treatment import LEVEL, PlaceboTreatment
from whatif.checks.random_common_cause import RandomCommonCause
from whatif.checks.result import Status
from whatif.checks.subset_stability import SubsetStability
from whatif.design.record import Design
from whatif.scores.fit import fit_scores, refitter
from whatif.scores.refit import holder

Draw = tuple[str, str, str, float]
CUSTOMERS = 175
PAST_CUSTOMERS = 350
_FIRST_SEED = 70_000
_SOUND = ("sessions assigned", "customers assigned", "observational")


def run(replications: int) -> pd.DataFrame:
    """Return the share of draws in which each check broke, sound studies first."""
    draws = replicated(_draw, range(_FIRST_SEED, _FIRST_SEED + replications), label="refits")
    frame = pd.DataFrame(draws, columns=["check", "study", "planted", "broke"])
    grouped = frame.groupby(["check", "study", "planted"], sort=False)["broke"]
    table = grouped.agg(rate="mean", draws="size").reset_index()
    table["mc_error"] = np.sqrt(table["rate"] * (1 - table["rate"]) / table["draws"])
    table["nominal"] = np.where(table["planted"] == "nothing", LEVEL, np.nan)
    return table[["check", "study", "planted", "rate", "mc_error", "draws", "nominal"]]


def _draw(seed: int) -> list[Draw]:
    checks: tuple[Check, ...] = (PlaceboTreatment(), RandomCommonCause(), SubsetStability())
    out: list[Draw] = []
    for study in _SOUND:
        evidence = _sound(seed, study)
        out += [_asked(check, evidence, study, "nothing") for check in checks]
    evidence = _sound(seed, _SOUND[0])
    faults: tuple[tuple[Check, str, Callable[[Design], Floats]], ...] = (
        (checks[0], "half the real effect leaks in", partial(_leaking, evidence)),
        (checks[1], "four seed errors for each further column", partial(_following, evidence)),
        (checks[2], "an estimate from an eleventh of the clusters", partial(_few, evidence)),
    )
    for check, planted, refit in faults:
        broken = replace(evidence, refit=refit, hold=None)
        out.append(_asked(check, broken, _SOUND[0], planted))
    return out


def _asked(check: Check, evidence: Evidence, study: str, planted: str) -> Draw:
    (found,) = run_checks(evidence, quick=False, checks=(check,))
    return check.name, study, planted, float(found.status is Status.BROKE)


def _sound(seed: int, study: str) -> Evidence:
    by_customer, observed = study == _SOUND[1], study == _SOUND[2]
    w = world(
        seed,
        customers=PAST_CUSTOMERS if observed else CUSTOMERS,
        by_customer=by_customer,
        confounding=0.6 if observed else 0.0,
    )
    w = replace(w, y=np.exp(0.8 * w.y))
    keys: dict[str, Any] = {"assigned": "customer"} if by_customer else {}
    evidence = evidence_of(w, kind="observational" if observed else "experiment", **keys)
    scores = fit_scores(
        evidence.design, rule=evidence.spec.overlap, seed=0, key="", learners=("glm",), workers=1
    )
    return replace(evidence, scores=scores, refit=refitter(seed=0), hold=holder(seed=0))


def _leaking(evidence: Evidence, design: Design) -> Floats:
    """Read the real arms for half of what they did."""
    real = replace(design, arm=evidence.design.arm)
    return np.asarray(evidence.refit(design) + 0.5 * evidence.refit(real))


def _following(evidence: Evidence, design: Design) -> Floats:
    """Let every further column move the estimate by .15: what another seed does is about .035."""
    further = len(design.features.names) - len(evidence.design.features.names)
    return np.asarray(evidence.refit(design) + 0.15 * further)


def _few(evidence: Evidence, design: Design) -> Floats:
    return evidence.refit(design.take(np.flatnonzero(design.cluster % 11 == 0)))
