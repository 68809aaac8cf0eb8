"""The front page of a site: every study, those that need a person first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from whatif.base.history import History, PastRun, StudyCard, TrendPoint
from whatif.report.format import moment
from whatif.report.site.amounts import (
    day_words,
    difference_words,
    moment_day,
    range_words,
    study_title,
    unit_words,
    url_part,
)
from whatif.report.site.rendering import document
from whatif.report.site.trend import Spark, spark
from whatif.verdict.site_wording import (
    AWAITING,
    FOUND,
    OFF_PLAN_MARK,
    RUN_FAILED,
    Mark,
    awaiting_words,
    broke_words,
    decision_mark,
    failure_words,
    instead_words,
    signed_words,
    spark_words,
)

_FAILED, _, _WITHHELD, _AWAITING, _CALM = range(5)  # 1: past its date, which a browser sees
FILTER_FROM = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One study on the front page; empty text is left out.

    Attributes
    ----------
    rank : int
        Place in the order of attention; the browser moves studies that turn stale to 1.
    marks : tuple of Mark
        The verdict, and what keeps it from being the last word.
    due_iso, old_iso : str
        From which moments the page and its data are past their dates.
    awaiting : (sentence, address) or None
        The run that waits for a person.
    """

    title: str
    href: str
    rank: int
    marks: tuple[Mark, ...]
    due_iso: str
    old_iso: str
    question: str
    headline: str
    number: str
    money: str
    failure: str
    awaiting: tuple[str, str] | None
    broke: str
    instead: str
    picture: Spark | None
    picture_words: str
    facts: tuple[tuple[str, str], ...]


def front_page(cards: Sequence[StudyCard], *, title: str) -> bytes:
    """Return ``index.html`` of a site; equal cards give equal bytes.

    Failed, withheld and awaiting studies come first, then the others; within each by name. What
    a run that awaits review found is not shown, only that it is there.
    """
    shown = sorted((_card(card) for card in cards), key=lambda card: (card.rank, card.href))
    return document(
        "front.html.j2",
        root="",
        heading=title,
        urgent=[card for card in shown if card.rank < _CALM],
        rest=[card for card in shown if card.rank == _CALM],
        find=FOUND if len(shown) >= FILTER_FROM else "",
    )


def _card(card: StudyCard) -> Card:
    known = card.shown or card.awaiting
    shown = card.shown
    folder = url_part(card.study)
    picture, words = _picture(shown, card.trend)
    return Card(
        title=study_title(card.study),
        href=folder,
        rank=_rank(card),
        marks=_marks(card),
        due_iso=card.next_due or "",
        old_iso=old_from(card.fresh_until),
        question="" if known is None else known.line.question,
        headline="" if shown is None else shown.line.headline,
        number="" if shown is None else shown.line.number,
        money="" if shown is None else shown.line.money,
        failure=failure_line(card),
        awaiting=waiting(card, to_study=f"{folder}/"),
        broke=_broke(shown),
        instead=_instead(shown),
        picture=picture,
        picture_words=words,
        facts=_facts(card),
    )


def old_from(fresh_until: dt.date | None) -> str:
    """Return the moment from which data are too old: the day after the last good one, in UTC."""
    if fresh_until is None:
        return ""
    return f"{fresh_until + dt.timedelta(days=1)}T00:00:00+00:00"


def failure_line(known: StudyCard | History) -> str:
    """Return what went wrong after the last good run; empty where nothing did."""
    if known.failure is None:
        return ""
    good = known.shown is not None or known.awaiting is not None
    return failure_words(on=moment_day(known.failure.at), words=known.failure.words, good=good)


def _broke(shown: PastRun | None) -> str:
    """Return which checks broke, where that took the numbers away."""
    if shown is None or shown.line.estimate is not None:
        return ""
    words = broke_words(shown.line.broke)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _rank(card: StudyCard) -> int:
    if card.failure is not None:
        return _FAILED
    if card.shown is not None and decision_mark(card.shown.line.decision).tone == "alarm":
        return _WITHHELD
    return _CALM if card.shown is not None and card.awaiting is None else _AWAITING


def _marks(card: StudyCard) -> tuple[Mark, ...]:
    marks = [] if card.shown is None else [decision_mark(card.shown.line.decision)]
    if card.shown is not None and card.shown.line.deviations:
        marks.append(Mark(word=OFF_PLAN_MARK, tone="unsure"))
    if card.failure is not None:
        marks.append(Mark(word=RUN_FAILED, tone="alarm"))
    if card.awaiting is not None:
        marks.append(Mark(word=AWAITING, tone="unsure"))
    return tuple(marks)


def waiting(card: StudyCard, *, to_study: str) -> tuple[str, str] | None:
    """Return that a run awaits review, and its address; `to_study` leads to the study's folder."""
    if card.awaiting is None:
        return None
    line = card.awaiting.line
    words = awaiting_words(data_to=day_words(line.data_to), first=card.shown is None)
    return words, f"{to_study}runs/{url_part(line.run_id)}/report.html"


def _instead(shown: PastRun | None) -> str:
    sign = None if shown is None else shown.sign_off
    return "" if sign is None or not sign.action else instead_words(sign.action, sign.because)


def _picture(shown: PastRun | None, trend: Sequence[TrendPoint]) -> tuple[Spark | None, str]:
    known = [point for point in trend if point.estimate is not None]
    if shown is None or shown.line.estimate is None or not known:
        return None, ""
    metric = shown.line.metric
    first, last = (
        difference_words(metric, point.estimate or 0.0, point.anytime)
        for point in (known[0], known[-1])
    )
    return spark(trend), spark_words(
        runs=len(known),
        first=first,
        last=last,
        unit=unit_words(metric),
        spread=range_words(metric, known[-1].anytime),
    )


def _facts(card: StudyCard) -> tuple[tuple[str, str], ...]:
    shown = card.shown
    facts = []
    if shown is not None:
        facts.append(("Evidence", shown.line.evidence))
        facts.append(("Data to", day_words(shown.line.data_to) or "no dates"))
    facts.append(("Fresh until", day_words(card.fresh_until)))
    facts.append(("Next due", moment(card.next_due) if card.next_due else ""))
    sign = None if shown is None else shown.sign_off
    if sign is not None:
        facts.append(("Sign-off", signed_words(sign.decision, by=sign.by, on=moment_day(sign.at))))
    return tuple((name, value) for name, value in facts if value)
