"""The study as declared: one frozen record per block of the study file, defaults stated here."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from whatif.base.secrets import redacted

Name = Annotated[str, Field(min_length=1, max_length=200)]
Label = str | int | float | bool


def arm_label(value: object) -> str:
    """Return the one spelling of a treatment level, whatever type the column has.

    Examples
    --------
    >>> [arm_label(v) for v in ("folded", 1, 1.0, True)]
    ['folded', '1', '1', 'true']
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _labelled(value: object) -> object:
    return {arm_label(k): v for k, v in value.items()} if isinstance(value, dict) else value


ArmNumbers = Annotated[dict[str, float], BeforeValidator(_labelled)]


class _Block(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=False, str_strip_whitespace=True, allow_inf_nan=False
    )


class DataSpec(_Block):
    """Where the rows come from.

    `source` is a Parquet file, glob or folder, a CSV or CSV.gz file, or
    ``duckdb:///file.db#table``. `contract` names a file in ``data_schemas/``. `where` is a row
    filter over pre-treatment columns.
    """

    source: Name
    contract: Name | None = None
    where: str | None = None


class TreatmentSpec(_Block):
    """The treatment column, its control level and the arms compared with it (None: all others)."""

    column: Name
    control: Label
    arms: Annotated[tuple[Label, ...], Field(min_length=1)] | None = None


class ColumnProbability(_Block):
    """Logged probability of the arm a unit got, read from a column."""

    column: Name


class PhaseProbability(_Block):
    """Assignment probabilities by phase of a ramp: `column` names the phase of a row."""

    column: Name
    phases: Annotated[dict[str, ArmNumbers], BeforeValidator(_labelled)]


Probability = ArmNumbers | ColumnProbability | PhaseProbability | Literal["estimated"]


class DesignSpec(_Block):
    """How units came to their arms."""

    kind: Literal[
        "experiment", "observational", "encouragement", "staged_rollout", "breakpoint"
    ] = "observational"
    probability: Probability = "estimated"


class OutcomeSpec(_Block):
    """A measured column and what a good value is.

    `matters_from` is the smallest difference worth shipping, `limit` the largest harm a guardrail
    tolerates; both are differences in the outcome's own unit and positive.
    """

    column: Name
    role: Literal["primary", "guardrail", "secondary"] | None = None
    kind: Literal["binary", "count", "amount", "cost", "category"] | None = None
    better: Literal["higher", "lower"] = "higher"
    matters_from: Annotated[float, Field(gt=0)] | None = None
    limit: Annotated[float, Field(gt=0)] | None = None
    unit: str | None = None
    per: str | None = None


class RatioSpec(_Block):
    """Numerator over denominator, both outcome columns; e.g. cost per order."""

    name: Name
    numerator: Name
    denominator: Name
    role: Literal["primary", "guardrail", "secondary"] | None = None
    better: Literal["higher", "lower"] = "higher"
    matters_from: Annotated[float, Field(gt=0)] | None = None
    limit: Annotated[float, Field(gt=0)] | None = None
    unit: str | None = None
    per: str | None = None


class OverlapSpec(_Block):
    """Smallest and largest accepted chance of an arm, and what to do outside."""

    low: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    high: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    rule: Literal["refuse", "trim"] = "refuse"


class ValueSpec(_Block):
    """Money: what one unit of each outcome is worth, and what an arm costs per unit."""

    currency: str
    per: dict[str, float]
    arm_cost: ArmNumbers = {}
    units_per_month: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"


class TransportSpec(_Block):
    """Another population that effects are carried to.

    `source` is a table like ``data.source`` that holds the study's covariates, no arm and no
    outcome; `where` is a row filter over its columns.
    """

    name: Name
    source: Name
    where: str | None = None


class DecisionSpec(_Block):
    """When the decision is taken, and how often results are looked at before.

    ``once``: on the day of the decision. ``scheduled``: every so many days, counted back from that
    day to `start`. ``anytime``: whenever one likes, at the price of wider ranges.
    """

    on: dt.date | None = None
    looks: Literal["once", "scheduled", "anytime"] = "once"
    start: dt.date | None = None  # None: the first day in the data
    every: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}d$")] = "7d"


class NegativeControlsSpec(_Block):
    """Columns known to stand outside the effect.

    `outcomes` are columns that the treatment cannot move, `treatments` columns that cannot move
    the outcomes; an effect found on either is a fault of the study.
    """

    outcomes: tuple[Name, ...] = ()
    treatments: tuple[Name, ...] = ()


class EventSpec(_Block):
    """Days on which the shop was not itself, first and last included: a sale, a storm."""

    name: Name
    start: dt.date
    end: dt.date


class ScheduleSpec(_Block):
    """When the study runs by itself."""

    cron: Name
    timezone: Name = "UTC"
    due_within_hours: Annotated[float, Field(gt=0)] = 12


class ReviewSpec(_Block):
    """Whether a person must approve a run before it becomes the latest page."""

    required: bool = False


def _as_dimension(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Dimension = Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(_as_dimension)]
Freshness = Annotated[str, Field(pattern=r"^[0-9]+[dh]$")]


class StudySpec(_Block):
    """A causal question with its data, graph, design, outcomes, segments and decision rule.

    Unknown keys are errors. Only `study`, `data`, `treatment` and `outcomes` are required; the
    default of every other key stands here and nowhere else.
    """

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}$")]
    question: str = ""
    data: DataSpec | None = None  # None only for a study built on a frame
    unit: Name | None = None  # None: the row
    cluster: Name | None = None  # None: `assigned`, else the unit
    assigned: Name | None = None  # None: the unit
    time: Name | None = None
    window: Annotated[str, Field(pattern=r"^[0-9]+d$")] | None = None
    treatment: TreatmentSpec
    design: DesignSpec = DesignSpec()
    outcomes: Annotated[tuple[OutcomeSpec, ...], Field(min_length=1)]
    ratios: tuple[RatioSpec, ...] = ()
    covariates: tuple[Name, ...] | None = None  # None: from the graph, else none
    segments: tuple[Dimension, ...] = ()
    exploratory: tuple[Dimension, ...] = ()  # cuts made after looking
    graph: str | None = None
    estimators: tuple[Name, ...] = ("aipw",)
    value: ValueSpec | None = None
    target: Literal["ate", "att", "overlap"] = "ate"
    weights: Name | None = None  # a column of positive sampling weights
    overlap: OverlapSpec = OverlapSpec()
    transport: tuple[TransportSpec, ...] = ()
    learners: Annotated[tuple[Name, ...], Field(min_length=1)] = ("glm", "boosting")
    repetitions: Annotated[int, Field(ge=1, le=100)] = 1  # of the folds; scores are averaged
    negative_controls: NegativeControlsSpec = NegativeControlsSpec()
    option: Name | None = None  # a column with what an order chose, e.g. its delivery option
    events: tuple[EventSpec, ...] = ()
    bots: Name | None = None  # a rule over pre-treatment columns that finds machines
    maturity: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}d$")] | None = None  # of late costs
    assignment_log: Name | None = None  # a column with the arm as it was assigned
    first_exposure: Name | None = None  # moment a unit first met its arm; None: its first row
    decision: DecisionSpec = DecisionSpec()
    rollout_if: Literal["better", "not_worse"] = "better"
    schedule: ScheduleSpec | None = None
    review: ReviewSpec = ReviewSpec()
    freshness: Freshness = "7d"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    folds: Annotated[int, Field(ge=2, le=20)] | None = None  # None: 2, or 5 below 20,000 rows
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def metrics(self) -> tuple[OutcomeSpec | RatioSpec, ...]:
        """Outcomes, then ratios."""
        return (*self.outcomes, *self.ratios)

    @property
    def primary(self) -> OutcomeSpec | RatioSpec:
        """The metric declared primary, else the first outcome."""
        declared = [m for m in self.metrics if m.role == "primary"]
        return declared[0] if declared else self.outcomes[0]

    @property
    def guardrails(self) -> tuple[OutcomeSpec | RatioSpec, ...]:
        """Metrics declared guardrails."""
        return tuple(m for m in self.metrics if m.role == "guardrail")

    def fresh_until(self, data_to: dt.date) -> dt.date:
        """Return the last day on which data that reach to `data_to` are recent enough."""
        count, unit = int(self.freshness[:-1]), self.freshness[-1]
        allowed = dt.timedelta(days=count) if unit == "d" else dt.timedelta(hours=count)
        last = min(data_to.toordinal() + allowed.days, dt.date.max.toordinal())
        return dt.date.fromordinal(last)

    def public(self) -> dict[str, Any]:
        """Return the study as plain values that may be published: addresses without secrets."""
        stored = self.model_dump(mode="json")
        for named in (stored["data"], *stored["transport"]):
            if named is not None:
                named["source"] = redacted(named["source"])
        return stored


def metric_name(metric: OutcomeSpec | RatioSpec) -> str:
    """Return the name of an outcome (its column) or a ratio (its name).

    Examples
    --------
    >>> metric_name(OutcomeSpec(column="converted"))
    'converted'
    """
    return metric.column if isinstance(metric, OutcomeSpec) else metric.name
