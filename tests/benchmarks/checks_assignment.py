"""Checks of the assignment on sound experiments with repeated customers, and on one fault each.

Integrity checks meet twenty times as many sound studies as replications are asked for, the others
twice as many, through their public ``run`` and whatever they could have seen; where a check does
not apply there is no row. Customers come back about four times, orders correlate at .3 within
customers, cost has a heavy tail, and 10 % of sessions, all of half of the customers, lack their
outcomes: 3 % with logged chances and three arms, where the missing outcomes of a few units are
judged by drawing arms again, and where a fortieth of the draws is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tests.assignment_worlds import Fault, Setting, experiment
from tests.benchmarks.running import replicated
from whatif.checks.arm_against_log import ArmAgainstLog
from whatif.checks.assignment_drift import AssignmentDrift
from whatif.checks.balance import Balance
from whatif.checks.duplicates import Duplicates
from whatif.checks.effects_by_phase import EffectsByPhase
from whatif.checks.evidence import Check
from whatif.checks.missing_outcome import MissingOutcome
from whatif.checks.result import Status
from whatif.checks.sample_ratio import SampleRatio
from whatif.checks.sample_ratio_by_day import SampleRatioByDay
from whatif.checks.sample_ratio_by_segment import SampleRatioBySegment
from whatif.checks.two_arms import TwoArms

CHECKS: tuple[Check, ...] = (
    SampleRatio(),
    ArmAgainstLog(),
    Duplicates(),
    MissingOutcome(),
    TwoArms(),
    SampleRatioBySegment(),
    SampleRatioByDay(),
    AssignmentDrift(),
    Balance(),
    EffectsByPhase(),
)
SOUND = (
    Setting(by="customer"),
    Setting(by="session"),
    Setting(by="customer", chances="phases"),
    Setting(by="session", chances="logged", missing=0.03),
    Setting(by="customer", shares=(0.5, 0.3, 0.2), missing=0.03),
)
PLANTED: tuple[tuple[Check, Setting, Fault], ...] = (
    (SampleRatio(), Setting(customers=50_000), "an arm loses 4 % of its units"),
    (TwoArms(), Setting(by="customer"), "3 % of customers are seen in two arms"),
    (ArmAgainstLog(), Setting(), "the arm differs from the log for 0.5 % of units"),
    (Duplicates(), Setting(), "0.5 % of units stand in two rows"),
    (
        MissingOutcome(),
        Setting(customers=2_500),
        "outcomes are missing for 2 % in one arm and 4 % in the other",
    ),
    (SampleRatioBySegment(), Setting(customers=10_000), "one segment loses 10 % of an arm"),
    (SampleRatioByDay(), Setting(customers=2_500), "an arm is down for one day"),
    (AssignmentDrift(), Setting(customers=15_000), "the share moves from 50 % to 53 %"),
    (Balance(), Setting(), "a covariate is measured after the treatment"),
    (
        EffectsByPhase(),
        Setting(by="customer", chances="phases", customers=5_000),
        "the effect is there in one phase only",
    ),
)
SOUND_DRAWS = 20
_LEVEL = {True: 0.001, False: 0.01}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Whether one check broke on one draw of one study."""

    check: str
    study: str
    planted: str
    nominal: float
    broke: bool


def sound(seed: int) -> list[Draw]:
    """Run checks on one draw of each sound study: integrity always, the others at a tenth of seeds.

    The last two studies are drawn at a fortieth of the seeds.
    """
    draws: list[Draw] = []
    checks = [check for check in CHECKS if check.integrity or seed % 10 == 0]
    for setting in SOUND if seed % 40 == 0 else SOUND[:3]:
        evidence = experiment(seed, setting)
        for check in checks:
            status = check.run(evidence).status
            if status is not Status.NOT_APPLICABLE:
                draws.append(
                    Draw(
                        check=check.name,
                        study=setting.described,
                        planted="nothing",
                        nominal=_LEVEL[check.integrity],
                        broke=status is Status.BROKE,
                    )
                )
    return draws


def planted(seed: int) -> list[Draw]:
    """Run each check on one draw with the fault it is for."""
    return [
        Draw(
            check=check.name,
            study=setting.described,
            planted=fault,
            nominal=np.nan,
            broke=check.run(experiment(seed, setting, fault)).status is Status.BROKE,
        )
        for check, setting, fault in PLANTED
    ]


def table(draws: Sequence[Draw]) -> pd.DataFrame:
    """Return one row per check, study and fault, with the share of draws that broke.

    The Monte Carlo error is that of the nominal level on sound studies, of the share elsewhere.
    """
    keys = ["check", "study", "planted"]
    frame = pd.DataFrame(draws)
    rows = frame.groupby(keys, sort=False).agg(
        rate=("broke", "mean"), draws=("broke", "size"), nominal=("nominal", "first")
    )
    share = rows["nominal"].fillna(rows["rate"])
    rows["mc_error"] = np.sqrt(share * (1 - share) / rows["draws"])
    return rows.reset_index()[[*keys, "rate", "mc_error", "draws", "nominal"]]


def run(replications: int) -> pd.DataFrame:
    """Measure false alarms on ``20 × replications`` sound draws, power on a fifth as many."""
    quiet = replicated(sound, range(SOUND_DRAWS * replications), label="sound")
    faults = replicated(planted, range(max(replications // 5, 1)), label="planted")
    return table([*quiet, *faults])
