"""Overlap and the specification curve: false alarms, and the faults they are for.

Sessions of returning customers, correlation .3 or more within a customer. Overlap is read off
stored chances: a sound study gives everyone between .03 and .97, the planted one leaves 1 % of
sessions a chance of .004. The curve fits its own models: in sound studies outcomes and chances are
straight lines; in the planted one two covariates confound only together, which an additive model
cannot see and boosting can.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.checks_evidence import evidence_of, world
from whatif.base.rng import generator
from whatif.checks.evidence import Evidence
from whatif.checks.overlap import Overlap
from whatif.checks.result import Status
from whatif.checks.specification_curve import LEVEL, SpecificationCurve
from whatif.contract.spec import OverlapSpec
from whatif.scores.rescore import rescorer

Draw = tuple[str, str, str, bool]
CUSTOMERS = 500
MANY = 2_000


def run(replications: int) -> pd.DataFrame:
    """Return the share of draws in which each check broke."""
    draws = replicated(draw, range(replications), label="choices")
    frame = pd.DataFrame(draws, columns=["check", "study", "planted", "broke"])
    grouped = frame.groupby(["check", "study", "planted"], sort=False)["broke"]
    table = grouped.agg(rate="mean", draws="size").reset_index()
    sound = table["planted"] == "nothing"
    table["nominal"] = np.where(sound, np.where(table["check"] == "overlap", 0.0, LEVEL), np.nan)
    share = table["nominal"].fillna(table["rate"])
    table["mc_error"] = np.sqrt(share * (1 - share) / table["draws"])
    return table[["check", "study", "planted", "rate", "mc_error", "draws", "nominal"]]


def draw(seed: int) -> list[Draw]:
    """Run both checks on one draw of every study."""
    past = _past(seed)
    thin = past.scores.propensity.copy()
    rare = generator(seed, "thin overlap").random(len(thin)) < 0.01
    thin[rare] = 0.996, 0.004
    thinned = replace(past, scores=replace(past.scores, propensity=thin))
    curve, overlap = SpecificationCurve(), Overlap()
    asked = (
        (overlap, past, "past data", "nothing"),
        (overlap, thinned, "past data", "1 % of sessions have a chance of .004"),
        (curve, _real(evidence_of(world(seed, customers=CUSTOMERS))), "experiment", "nothing"),
        (curve, _real(past), "past data", "nothing"),
        (curve, _together(seed), "past data", "two covariates confound only together"),
    )
    return [
        (check.name, study, planted, check.run(evidence).status is Status.BROKE)
        for check, evidence, study, planted in asked
    ]


def _past(seed: int) -> Evidence:
    return evidence_of(world(seed, customers=CUSTOMERS, confounding=0.5), kind="observational")


def _real(evidence: Evidence) -> Evidence:
    return replace(evidence, rescore=rescorer(seed=0, target="ate", rule=OverlapSpec()))


def _together(seed: int) -> Evidence:
    """Return past data in which only the product of two covariates moves arm and outcome."""
    w = world(seed, customers=MANY)
    rng = generator(seed, "together")
    product = np.sign(w.x[:, 0] * w.x[:, 1])
    treated = 0.5 + 0.25 * product
    arm = (rng.random(w.arm.size) < treated).astype(np.int64)
    y = w.y - 0.1 * (w.arm > 0)[:, None] + 0.1 * arm[:, None] + 0.8 * product[:, None]
    w = replace(w, arm=arm, y=y, chance=np.column_stack([1 - treated, treated]))
    return _real(evidence_of(w, kind="observational"))
