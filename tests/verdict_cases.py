"""Effect rows, tests and studies that the tests of the verdict share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.spec import StudySpec
from whatif.effects.rows import EffectRow, EffectRows, HeterogeneityRow, Segment
from whatif.verdict.decide import decide
from whatif.verdict.readings import readings
from whatif.verdict.record import Verdict

STUDY: dict[str, Any] = {
    "study": "checkout",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [
        {"column": "converted", "matters_from": 0.002},
        {"column": "cost", "role": "guardrail", "better": "lower", "limit": 0.25},
    ],
    "segments": ["urbanicity", "device"],
}
SPEC = StudySpec.model_validate(STUDY)
URBAN: Segment = (("urbanicity", "urban"),)
RURAL: Segment = (("urbanicity", "rural"),)
MOBILE: Segment = (("device", "mobile"),)
DESKTOP: Segment = (("device", "desktop"),)
BETTER, UNCLEAR, WORSE = (0.003, 0.005), (-0.004, 0.006), (-0.009, -0.004)
SMALL = (-0.001, 0.001)
WITHIN, MAYBE, WORSE_COST, OVER = (-0.1, 0.2), (-0.1, 0.3), (0.1, 0.3), (0.3, 0.5)


def row(
    outcome: str, ci: tuple[float, float], *, arm: str = "expanded", segment: Segment = ()
) -> EffectRow:
    return EffectRow(
        outcome=outcome,
        arm=arm,
        versus="folded",
        segment=segment,
        n=1000,
        clusters=1000,
        baseline=0.045,
        estimate=(ci[0] + ci[1]) / 2,
        std_error=(ci[1] - ci[0]) / 4,
        ci=ci,
        band=ci,
        relative=None,
        shrunk=None,
        planned=True,
        estimator="aipw",
        family="f",
        critical=2.0,
        df=999,
        shown="shown",
    )


def f_test(*dimension: str, outcome: str = "converted", p_value: float = 0.001) -> HeterogeneityRow:
    return HeterogeneityRow(
        outcome=outcome,
        arm="expanded",
        dimension=dimension,
        statistic=9.0,
        p_value=p_value,
        df=(1, 900),
    )


def check(status: Status, *, integrity: bool = True, name: str = "sample_ratio") -> CheckResult:
    return CheckResult(
        code="WI-SRM-01",
        name=name,
        status=status,
        statistic=20.0,
        threshold=0.001,
        finding="1,200 units came where 1,000 were expected.",
        what="",
        why="",
        blind="",
        fix="",
        integrity=integrity,
        cost=Cost.VIEW,
    )


def judge(
    *rows: EffectRow,
    tests: Sequence[HeterogeneityRow] = (),
    checks: Sequence[CheckResult] = (),
    spec: StudySpec = SPEC,
    **changes: Any,
) -> Verdict:
    effects = EffectRows(effects=rows, heterogeneity=tuple(tests), level=0.95)
    options: dict[str, Any] = {
        "evidence": "randomised",
        "fresh": True,
        "as_of": dt.date(2026, 12, 15),
    }
    return decide(effects, readings(effects, spec), checks, spec, **(options | changes))


def with_study(**changes: Any) -> StudySpec:
    return StudySpec.model_validate(STUDY | changes)


def rows_by_place(
    by_segment: dict[Segment, tuple[float, float]], outcome: str = "converted"
) -> tuple[EffectRow, ...]:
    return tuple(row(outcome, ci, segment=segment) for segment, ci in by_segment.items())


OVERALL = (row("converted", BETTER), row("cost", WITHIN))
