"""What a check may look at, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from whatif.base.arrays import Floats
from whatif.checks.result import CheckResult, Cost
from whatif.contract.spec import StudySpec
from whatif.design.record import Design
from whatif.effects.rows import EffectRows
from whatif.effects.sensitivity.record import Benchmark
from whatif.graph.estimand import Estimand
from whatif.scores.record import Scores
from whatif.scores.refit import Held
from whatif.scores.rescore import Rescore


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Everything known about a run before its verdict.

    Attributes
    ----------
    refit : callable
        ``refit(design) -> ndarray, shape (A - 1, K)``: arm minus control for every outcome with
        the GLM candidate, used by checks that train models again.
    rescore : callable
        ``rescore(design, learners) -> Scores``, for checks that need an error too.
    hold : callable or None
        ``hold(design) -> Held``: the GLM candidate made ready for many draws of one sample, columns
        and tuning chosen once; None holds nothing.
    relearn : callable or None
        As `refit` with the learners that the study names; None where these are the GLM alone.
    benchmarks : tuple of Benchmark or None
        What leaving out each covariate does, where it was measured already.
    """

    spec: StudySpec
    estimand: Estimand
    design: Design
    scores: Scores
    effects: EffectRows
    refit: Callable[[Design], Floats]
    rescore: Rescore
    hold: Callable[[Design], Held] | None = None
    relearn: Callable[[Design], Floats] | None = None
    benchmarks: tuple[Benchmark, ...] | None = None


class Check(Protocol):
    """One diagnostic; its class-level sentences feed the page."""

    code: ClassVar[str]
    name: ClassVar[str]
    cost: ClassVar[Cost]
    integrity: ClassVar[bool]
    what: ClassVar[str]
    why: ClassVar[str]
    blind: ClassVar[str]
    fix: ClassVar[str]

    def run(self, evidence: Evidence) -> CheckResult:
        """Look at the evidence; a bad finding is a result, never an exception."""
        ...
