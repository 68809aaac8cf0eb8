"""The report as data: everything a renderer needs and nothing it could compute."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from whatif.base.calibration import Calibration
from whatif.base.errors import Notice
from whatif.base.plan import Deviation
from whatif.base.records import DataSummary, Money, NuisanceQuality, OverlapSummary
from whatif.checks.result import CheckResult
from whatif.contract.spec import StudySpec
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.populations import PopulationRow
from whatif.effects.repetitions import RepetitionSpread
from whatif.effects.rows import EffectRow, EffectRows
from whatif.effects.sensitivity.record import Sensitivity
from whatif.graph.estimand import Estimand
from whatif.scenarios.decomposition.decompose import Decomposition
from whatif.verdict.chances import Power
from whatif.verdict.plan_status import Statuses
from whatif.verdict.record import Decision, Reading, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, ready to be rendered; renderers never read the clock.

    Attributes
    ----------
    spec : StudySpec
        The study as declared.
    data : DataSummary
        Which data were used.
    estimand : Estimand
        What was estimated, on which assumptions.
    design_kind : str
        ``"experiment"`` or ``"observational"``.
    population : str
        Who the answer is about, in words.
    effects : EffectRows
        Every effect and segment test; ``verdict.readings`` is in the order of its rows.
    opinions : tuple of EffectRow
        Second opinions: `estimator` names who gave them, `family` says what to know when
        reading them; an unbounded interval means "none".
    bounds : tuple of BoundsRow
        Bounds on costs that only orders have, everyone first.
    populations : tuple of PopulationRow
        Overall effects in other populations.
    repetitions : tuple of RepetitionSpread
        How far overall effects moved between drawings of the folds; empty for one drawing.
    power : tuple of Power
        How small an effect could be seen, for every planned effect.
    sensitivity : Sensitivity or None
        How strong hidden causes would have to be; None where chances are known, nothing was
        adjusted for, or no effect can tell.
    checks : tuple of CheckResult
        What every check found.
    verdict : Verdict
        The decision and its sentences.
    quality : tuple of NuisanceQuality
        Out-of-fold quality of every nuisance model.
    overlap : tuple of OverlapSummary
        Distribution of the chance of each arm.
    notices : tuple of Notice
        Named warnings.
    run_id : str
        Content hash of the run.
    versions : tuple of (str, str)
        Package and version, sorted by package.
    seed : int
        Seed of every random draw.
    kinds : tuple of (str, str)
        Outcome column and its kind as the design resolved it; columns left out use the
        study's own word.
    money : Money or None
        None when the study declares no value.
    next_due : str or None
        Moment the next page is due, ISO 8601 with an offset; the page shows its own banner
        after it.
    made_at : date or None
        As-of date; None without a time column.
    calibration : Calibration or None
        How the pipeline did on this study's own rows; None when it was not tried.
    scenario : str or None
        Text of ``scenario.json`` for the page's sliders; None when the verdict is withheld or
        there is nothing to ask.
    decomposition : Decomposition or None
        Why cost per unit differs; None where the study names no option.
    deviations : tuple of Deviation
        What differs from the plan as it was locked before the first look.
    locked : bool
        Whether a plan was locked before the first look; False for a run in memory.

    Raises
    ------
    ValueError
        If there is not one reading per effect, or `next_due` has no offset.
    """

    spec: StudySpec
    data: DataSummary
    estimand: Estimand
    design_kind: str
    population: str
    effects: EffectRows
    opinions: tuple[EffectRow, ...] = ()
    bounds: tuple[BoundsRow, ...] = ()
    populations: tuple[PopulationRow, ...] = ()
    repetitions: tuple[RepetitionSpread, ...] = ()
    power: tuple[Power, ...] = ()
    sensitivity: Sensitivity | None = None
    checks: tuple[CheckResult, ...]
    verdict: Verdict
    quality: tuple[NuisanceQuality, ...] = ()
    overlap: tuple[OverlapSummary, ...] = ()
    notices: tuple[Notice, ...] = ()
    run_id: str
    versions: tuple[tuple[str, str], ...]
    seed: int
    kinds: tuple[tuple[str, str], ...] = ()
    money: Money | None = None
    next_due: str | None = None
    made_at: dt.date | None = None
    calibration: Calibration | None = None
    scenario: str | None = None
    decomposition: Decomposition | None = None
    deviations: tuple[Deviation, ...] = ()
    locked: bool = False

    def __post_init__(self) -> None:
        """Refuse a document that would pair a number with another number's word."""
        effects, readings = len(self.effects.effects), len(self.verdict.readings)
        if effects != readings:
            raise ValueError(f"{effects} effects but {readings} readings.")
        if self.next_due is not None and dt.datetime.fromisoformat(self.next_due).tzinfo is None:
            raise ValueError(f"next_due {self.next_due!r} has no offset from UTC.")

    @property
    def withheld(self) -> bool:
        """Whether an integrity check broke, so that no number stands open."""
        return self.verdict.decision is Decision.CANNOT_BE_TRUSTED

    @property
    def looks_again(self) -> bool:
        """Whether results are looked at more than once."""
        return self.spec.decision.looks != "once"

    @property
    def statuses(self) -> Statuses:
        """Which numbers, readings and verdict were planned."""
        return Statuses(spec=self.spec, deviations=self.deviations)

    def read(self) -> tuple[tuple[EffectRow, Reading], ...]:
        """Return every effect with its reading."""
        return tuple(zip(self.effects.effects, self.verdict.readings, strict=True))
