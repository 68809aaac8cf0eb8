"""Did every arm get its share of units within each segment?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.checks.arrivals import Arrivals, arrivals, counted_once, no_chances
from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.share_family import ShareFamily
from whatif.checks.shares import Shares, compare_shares
from whatif.effects.cells import Cells, cut

MEANINGFUL_LOSS = 0.1


class SampleRatioBySegment:
    """Count units per arm within every level of every segment column, once at first exposure.

    All levels of all columns share the level of .01 (Holm). *Held* needs an even chance of seeing
    a tenth of one arm go missing, in levels that hold half of the units of each column. The
    statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-SRM-02"
    name: ClassVar[str] = "sample_ratio_by_segment"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether each arm got its share of units within every segment."
    why: ClassVar[str] = (
        "Units lost in one segment only hardly move the overall share, but their segment is no "
        "longer comparable."
    )
    blind: ClassVar[str] = "Losses in groups that no declared segment tells apart."
    fix: ClassVar[str] = (
        "Look for what the named segment alone goes through, such as one app version or page; "
        "trust no effect there until it is found."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare counts with the known chances, level by level."""
        refused = no_chances(evidence)
        if refused is not None:
            return conclude(self, *refused)
        design = evidence.design
        declared = [name for dimension in evidence.spec.segments for name in dimension]
        names = tuple(name for name in dict.fromkeys(declared) if name in design.columns)
        cells = cut(design.columns[list(names)], tuple((name,) for name in names))
        units = arrivals(design)
        found = [_of_column(evidence, units, cells, d) for d in range(len(names))]
        found = [one for one in found if one[0].size.size > 1]
        if not found:
            return conclude(
                self, Status.NOT_APPLICABLE, "The study declares no segment with several levels."
            )
        return ShareFamily(
            parts=tuple(shares for shares, _ in found),
            names=tuple(label for _, labels in found for label in labels),
            arms=design.arms,
            counted=counted_once(evidence.spec, units),
            kind="levels",
            matters_from=MEANINGFUL_LOSS,
        ).judged(self)


def _of_column(
    evidence: Evidence, units: Arrivals, cells: Cells, d: int
) -> tuple[Shares, tuple[str, ...]]:
    """Compare shares by level of one column; levels that no unit arrived with are left out."""
    design = evidence.design
    code = cells.code[units.row, d] - cells.starts[d]
    present = np.flatnonzero(np.bincount(code))
    place = np.zeros(int(present[-1]) + 1, dtype=np.int64)
    place[present] = np.arange(present.size)
    known = np.asarray(design.known)[units.row]
    shares = compare_shares(place[code], units.arm, known, groups=present.size)
    levels = [cells.segments[cells.starts[d] + int(level)] for level in present]
    return shares, tuple(f"in {name} = {value}" for ((name, value),) in levels)
