"""Did every arm get its share of units on each day?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.checks.arrivals import (
    arrivals,
    counted_once,
    exposure_moments,
    no_chances,
    periods,
    phase_name,
)
from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.share_family import ShareFamily
from whatif.checks.shares import compare_shares

MEANINGFUL_LOSS = 0.5  # one arm down for half a day


class SampleRatioByDay:
    """Count first exposures per arm and day, and in a ramp per phase, against the known chances.

    Days that expect fewer than 10 units in an arm are pooled into weeks. All periods share the
    level of .01 (Holm). *Held* needs an even chance of seeing half of one arm's units go missing
    in a period, over periods that hold half of the units. The statistic is the smallest p-value
    after Holm.
    """

    code: ClassVar[str] = "WI-SRM-03"
    name: ClassVar[str] = "sample_ratio_by_day"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether each arm got its share of new units on every day."
    why: ClassVar[str] = (
        "An arm that was down for a day lost that day's units, and the overall share may not "
        "show it."
    )
    blind: ClassVar[str] = (
        "Losses spread thinly over all days, and days on which all arms were down."
    )
    fix: ClassVar[str] = (
        "Find out what happened to the arm in the named period; leave the whole period out for "
        "every arm with `where` if units were lost."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare counts with the known chances, period by period."""
        refused = no_chances(evidence)
        if refused is not None:
            return conclude(self, *refused)
        units = arrivals(evidence.design)
        moment = exposure_moments(evidence, units.row)
        if moment is None:
            return conclude(self, Status.NOT_APPLICABLE, "The study names no time column.")
        known = np.asarray(evidence.design.known)[units.row]
        made = periods(moment, known.min(axis=1))
        if len(made.names) == 1:
            return conclude(
                self, Status.NOT_APPLICABLE, f"All units were first seen {made.names[0]}."
            )
        parts = [compare_shares(made.code, units.arm, known, groups=len(made.names))]
        names = made.names
        phase = evidence.design.phase[units.row]
        codes = np.flatnonzero(np.bincount(phase))
        if codes.size > 1:
            place = np.searchsorted(codes, phase)
            parts.append(compare_shares(place, units.arm, known, groups=codes.size))
            names += tuple(f"in phase {phase_name(evidence.spec, int(code))}" for code in codes)
        return ShareFamily(
            parts=tuple(parts),
            names=names,
            arms=evidence.design.arms,
            counted=counted_once(evidence.spec, units),
            kind="periods",
            matters_from=MEANINGFUL_LOSS,
        ).judged(self)
