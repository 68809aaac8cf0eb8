"""What is known of a study's past runs: plain records that rooms pass along.

``History`` is read by publish, handed to verdict and report, and never computed from here.
Amounts are in the metric's raw unit; moments are ISO 8601 text in UTC.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Range = tuple[float | None, float | None]

SignDecision = Literal["approve", "hold", "reject"]
"""What a person may say of a run."""

ChangeKind = Literal["new_data", "mix", "mechanism", "revised_data", "definition", "code"]
"""Why an estimate differs from the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLine:
    """How the primary metric is printed: ``prefix`` + raw × ``factor`` + ``noun`` + ``per``.

    Attributes
    ----------
    label : str
        Name of the metric for a reader.
    better : str
        ``"higher"`` or ``"lower"``.
    factor : float
        Printed numbers are raw ones times this: 1,000 for a share.
    prefix, noun, per : str
        ``"USD "``, ``"orders"`` and ``"per 1,000 sessions"``; empty where there is none.
    matters_from : float or None
        Smallest difference worth shipping, in the raw unit.
    """

    label: str
    better: Literal["higher", "lower"]
    factor: float
    prefix: str
    noun: str
    per: str
    matters_from: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One finished run in one line: what a history, an index and a notice say of it.

    Attributes
    ----------
    study, run_id : str
        Names of folders.
    question : str
        The study's question; may be empty.
    evidence : str
        Words of the evidence badge, e.g. ``"Randomised test"``.
    decision : str
        One of the decision words of ``answer.json``.
    headline : str
        The action sentence.
    number, money : str
        The primary number, and the money a month, each with its range in words; empty where
        withheld or not declared.
    as_of, data_from, data_to : date or None
        As-of day, first and last day of the data; None without a time column.
    next_due : str or None
        When the page after this one is due.
    arm, versus : str
        The verdict's arm and the control.
    metric : MetricLine
        The primary metric.
    baseline, estimate, std_error : float or None
        Control mean, overall difference of the primary metric, clustered error.
    ci, anytime : (low, high)
        The range that the reading comes from, and the one that holds for this number at every run
        at once; None is unbounded.
    units, clusters : int
        Counted.
    held, judged : int
        Checks that held, of those that could be judged.
    broke : tuple of str
        Titles of the checks that broke.
    fingerprint, study_hash, plan_hash, score_key, code, version : str
        Hashes of the data, the study file, its plan, the scores and the code; our version.
    deviations : tuple of str
        What differs from the locked plan, in words; empty when nothing does.
    measures : str
        Hash of what the primary estimate measures, of whom, at which level.
    """

    study: str
    run_id: str
    question: str
    evidence: str
    decision: str
    headline: str
    number: str
    money: str
    as_of: dt.date | None
    data_from: dt.date | None
    data_to: dt.date | None
    next_due: str | None
    arm: str
    versus: str
    metric: MetricLine
    baseline: float | None
    estimate: float | None
    std_error: float | None
    ci: Range
    anytime: Range
    units: int
    clusters: int
    held: int
    judged: int
    broke: tuple[str, ...]
    fingerprint: str
    study_hash: str
    plan_hash: str
    score_key: str
    code: str
    version: str
    deviations: tuple[str, ...] = ()
    measures: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """What a person said of a run.

    Attributes
    ----------
    run_id, by, at : str
        Which run, who, when.
    decision : str
        ``"approve"``, ``"hold"`` or ``"reject"``.
    note : str
        In the person's words.
    action : str
        What is done instead of what the run recommends; empty when the recommendation is followed.
    because : str
        Why; never empty where `action` is given.
    """

    run_id: str
    by: str
    at: str
    decision: SignDecision
    note: str
    action: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePart:
    """One reason why an estimate moved.

    Attributes
    ----------
    kind : str
        Which reason.
    estimate : float
        By how much it moved the estimate.
    ci : (low, high)
        Its range; None is unbounded.
    share : float or None
        Of the whole move; None where its range holds zero, or there is none.
    """

    kind: ChangeKind
    estimate: float
    ci: Range
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How the primary estimate moved from one run to the next, and why.

    Attributes
    ----------
    before, now : str
        Run ids.
    estimate_before, estimate_now : float or None
        The two estimates.
    ci_before, ci_now : (low, high)
        Their ranges.
    total : float or None
        Now minus before; None where the two do not measure the same.
    ci : (low, high)
        Range of `total`, the units that both runs share counted once.
    parts : tuple of ChangePart
        They sum to `total`; empty where the move cannot be split.
    said : tuple of str
        What else differs, in words: keys of the study file, versions, rows that are gone, or why
        the move cannot be split.
    """

    before: str
    now: str
    estimate_before: float | None
    estimate_now: float | None
    ci_before: Range
    ci_now: Range
    total: float | None
    ci: Range
    parts: tuple[ChangePart, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The last attempt, where it failed.

    Attributes
    ----------
    at : str
        When.
    exit_code : int
        Of the command.
    words : str
        What happened, without any value from the data.
    """

    at: str
    exit_code: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBack:
    """A person's word that readers see the shown run although there are newer ones."""

    by: str
    at: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run in a study's history.

    Attributes
    ----------
    line : RunLine
        What it found.
    finished_at : str
        When it was finished.
    published_at : str or None
        When it was put on the site; None if never.
    sign_off : SignOff or None
        What was last said of it.
    change : Change or None
        Against the report before it; None for the first.
    """

    line: RunLine
    finished_at: str
    published_at: str | None = None
    sign_off: SignOff | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything known of one study's runs.

    Attributes
    ----------
    study : str
        The study.
    runs : tuple of PastRun
        By as-of day and, within a day, in the order they were made; the newest last.
    shown, awaiting : str or None
        Run ids: what readers are shown as the latest, and a newer one that nobody has approved.
    next_due : str or None
        When the next page is due; None without a schedule.
    fresh_until : date or None
        Last day on which the data are recent enough; None without dates.
    failure : Failure or None
        The last attempt, if it failed after the last good run.
    audit_head : str
        Newest hash of the audit chain; empty where there is none.
    review : bool
        Whether readers see approved runs only.
    set_back : SetBack or None
        Who chose the shown run over newer ones; None where nobody did.
    """

    study: str
    runs: tuple[PastRun, ...]
    shown: str | None
    awaiting: str | None
    next_due: str | None
    fresh_until: dt.date | None = None
    failure: Failure | None = None
    audit_head: str = ""
    review: bool = False
    set_back: SetBack | None = None

    def of(self, run_id: str | None) -> PastRun | None:
        """Return the newest run with this id, or None."""
        return next((run for run in reversed(self.runs) if run.line.run_id == run_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """One run on a sparkline: raw units, the range that holds at every run at once."""

    data_to: dt.date | None
    estimate: float | None
    anytime: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCard:
    """What the front page of a site knows of a study.

    Attributes
    ----------
    study : str
        The study.
    shown, awaiting : PastRun or None
        As in :class:`History`, as runs.
    next_due, fresh_until, failure, audit_head
        As in :class:`History`.
    trend : tuple of TrendPoint
        The last runs, the newest last.
    """

    study: str
    shown: PastRun | None
    awaiting: PastRun | None
    next_due: str | None
    fresh_until: dt.date | None
    failure: Failure | None
    audit_head: str
    trend: tuple[TrendPoint, ...]
