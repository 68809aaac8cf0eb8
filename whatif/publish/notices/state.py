"""What is known of a study at one moment, as far as notices care."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from whatif.base.history import Failure, History
from whatif.publish.staleness import Stale
from whatif.verdict.record import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """The run that readers see, without any of its numbers.

    Attributes
    ----------
    run_id : str
        The run.
    decision : Decision
        The decision word.
    arm : str
        The verdict's arm.
    where : str
        For whom, in words; empty where that is not known.
    headline : str
        The action sentence.
    data_to : date or None
        Last day of the data.
    """

    run_id: str
    decision: Decision
    arm: str
    where: str
    headline: str
    data_to: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyState:
    """A study at one moment.

    Attributes
    ----------
    study, question : str
        Its name and its question; the question may be empty.
    shown : ShownRun or None
        What readers see; None while there is no page.
    awaiting : str or None
        Id of a newer run that nobody has approved.
    failure : Failure or None
        The last attempt, if it failed after the last good run.
    stale : Stale or None
        Why the page is stale.
    next_due : str or None
        When the next page is due.
    """

    study: str
    question: str
    shown: ShownRun | None
    awaiting: str | None
    failure: Failure | None
    stale: Stale | None
    next_due: str | None


def state_of(history: History, *, stale: Stale | None, where: Mapping[str, str]) -> StudyState:
    """Return the state of a study from its history.

    Parameters
    ----------
    history : History
        What is known of the study.
    stale : Stale or None
        What :func:`whatif.publish.staleness.staleness` says.
    where : mapping of str to str
        For whom a run's verdict speaks (``verdict.where`` of its answer), by run id; only the
        shown run's is looked up.
    """
    run = history.of(history.shown)
    shown = None
    if run is not None:
        line = run.line
        shown = ShownRun(
            run_id=line.run_id,
            decision=Decision(line.decision),
            arm=line.arm,
            where=where.get(line.run_id, ""),
            headline=line.headline,
            data_to=line.data_to,
        )
    newest = run or (history.runs[-1] if history.runs else None)
    return StudyState(
        study=history.study,
        question="" if newest is None else newest.line.question,
        shown=shown,
        awaiting=history.awaiting,
        failure=history.failure,
        stale=stale,
        next_due=history.next_due,
    )
