"""Faults of an experiment that are planted into draws, each for the check that should see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats
from whatif.checks.evidence import Check
from whatif.checks.missing_outcome import MissingOutcome
from whatif.checks.sample_ratio import SampleRatio
from whatif.checks.two_arms import TwoArms
from whatif.design.record import Design, Intake
from whatif.simulate.planted import redrawn_arms

NO_FAULT = "nothing"
_MORE = 1.02
_MOVED = 0.03
_LOST, _LOST_TREATED = 0.02, 0.05

Planting = Callable[[Design, Floats, np.random.Generator], Design | None]
"""From a sound draw, the chances of all units of the study, and a generator; None: not possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault in words, the check that is for it, and how it is planted."""

    words: str
    check: Check
    plant: Planting


def _sample_ratio(design: Design, units: Floats, rng: np.random.Generator) -> Design | None:
    """Give the second arm 2 % more units than its chance, among all units of the study."""
    if design.known is None:
        return None
    tilted = units.copy()
    tilted[:, 1] *= _MORE
    tilted /= tilted.sum(axis=1, keepdims=True)
    everyone = np.arange(len(units))
    intake = Intake(
        arm=redrawn_arms(tilted, everyone, rng),
        assigned=everyone,
        cluster=everyone,
        order=everyone,
        missing=np.zeros((len(units), len(design.outcomes)), dtype=bool),
        known=units,
    )
    return replace(design, intake=intake)


def _two_arms(design: Design, _units: Floats, rng: np.random.Generator) -> Design | None:
    """Give one row of 3 % of the units that have several rows another arm."""
    if design.kind != "experiment":
        return None
    rows = np.bincount(design.intake.assigned)
    several = np.flatnonzero(rows > 1)
    moved = several[rng.random(several.size) < _MOVED * rows.size / max(several.size, 1)]
    if not moved.size:
        return None
    last = np.zeros(rows.size, dtype=np.int64)
    last[design.intake.assigned] = np.arange(design.intake.assigned.size)
    arm = design.intake.arm.copy()
    arm[last[moved]] = (arm[last[moved]] + 1) % len(design.arms)
    return replace(design, intake=replace(design.intake, arm=arm))


def _missing(design: Design, _units: Floats, rng: np.random.Generator) -> Design | None:
    """Lose the first outcome of 2 % of the control's rows and 5 % of the others'."""
    lost = np.where(design.intake.arm == 0, _LOST, _LOST_TREATED)
    missing = design.intake.missing.copy()
    missing[:, 0] = rng.random(lost.size) < lost
    return replace(design, intake=replace(design.intake, missing=missing))


FAULTS = (
    Fault(
        words="an arm gets 2 % more units than it should, 51 for 50",
        check=SampleRatio(),
        plant=_sample_ratio,
    ),
    Fault(words="3 % of units of assignment are in two arms", check=TwoArms(), plant=_two_arms),
    Fault(
        words="the outcome is missing for 2 % of the control, 5 % of the rest",
        check=MissingOutcome(),
        plant=_missing,
    ),
)
