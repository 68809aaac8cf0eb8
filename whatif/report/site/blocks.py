"""What the site adds to a run's own page: banner, review, changes and trend, links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from whatif.base.history import History, PastRun, TrendPoint
from whatif.base.readers import alike, reviewed
from whatif.report.format import moment
from whatif.report.site.amounts import (
    day_words,
    difference_words,
    moment_day,
    range_words,
    run_day,
    unit_words,
    url_part,
)
from whatif.report.site.front import failure_line, old_from
from whatif.report.site.rendering import render
from whatif.report.site.story import story
from whatif.report.site.trend import chart
from whatif.verdict.page_wording import stale_banner
from whatif.verdict.site_wording import (
    AWAITING,
    WITHHELD,
    Mark,
    awaiting_words,
    decision_mark,
    fresh_banner,
    instead_words,
    set_back_words,
    sign_tone,
    signed_words,
    superseded_words,
    trend_description,
)

DOWNLOADS = ("answer.json", "estimates.csv", "scenario.json", "manifest.json", "SHA256SUMS")
_TREND = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """One line above a page.

    Attributes
    ----------
    text, tone : str
        What is said and which icon stands by it.
    href, link : str
        Where it leads, and the words that lead there; empty for none.
    after : str
        From which moment on it shows; empty for at once.
    """

    text: str
    tone: Literal["alarm", "unsure", "bad"]
    href: str = ""
    link: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """One run in the table under the chart; every text is shown as it is."""

    name: str
    estimate: str
    spread: str
    verdict: Mark


def banner(history: History, run: PastRun, *, up: str = "") -> str:
    """Return the lines above a run's page: what a reader must know before reading it.

    Parameters
    ----------
    history : History
        The study's runs.
    run : PastRun
        The run whose page it is.
    up : str
        How the page reaches the study's folder: ``""`` from there, ``"../../"`` from a run's.
    """
    lines = [
        *_failed(history),
        *_rejected(run),
        *_elsewhere(history, run, up),
        *_set_back(history, run),
        *_stale(history, run),
    ]
    return render("banner.html.j2", lines=lines, up=up)


def _set_back(history: History, run: PastRun) -> Iterator[Banner]:
    """Yield that a person chose this run over newer ones."""
    said = history.set_back
    if said is not None and run.line.run_id == history.shown:
        words = set_back_words(by=said.by, on=moment_day(said.at), note=said.note)
        yield Banner(text=words, tone="unsure")


def run_note() -> str:
    """Return the line on a run's own page that leads to where it says whether the run stands."""
    return render("run_note.html.j2", up="../../")


def _stale(history: History, run: PastRun) -> Iterator[Banner]:
    """Yield what shows by itself once its moment has passed."""
    due, until = history.next_due, history.fresh_until
    if due is not None and run.line.run_id == history.shown:
        yield Banner(text=stale_banner(moment(due)), tone="alarm", after=due)
    if until is not None:
        yield Banner(text=fresh_banner(day_words(until)), tone="alarm", after=old_from(until))


def _failed(history: History) -> list[Banner]:
    words = failure_line(history)
    return [Banner(text=words, tone="alarm")] if words else []


def _rejected(run: PastRun) -> list[Banner]:
    sign = run.sign_off
    if sign is None or sign.decision != "reject":
        return []
    words = signed_words(sign.decision, by=sign.by, on=moment_day(sign.at))
    return [Banner(text=f"{words}: {sign.note}" if sign.note else words, tone="alarm")]


def _elsewhere(history: History, run: PastRun, up: str) -> list[Banner]:
    this = run.line.run_id
    if this == history.awaiting:
        return [Banner(text=AWAITING, tone="unsure")]
    if history.shown is not None and this != history.shown:
        href = f"{up}index.html"
        return [Banner(text=superseded_words(), tone="unsure", href=href, link="The latest")]
    waiting = history.of(history.awaiting)
    if waiting is None:
        return []
    words = awaiting_words(data_to=day_words(waiting.line.data_to), first=history.shown is None)
    href = f"{up}runs/{url_part(waiting.line.run_id)}/report.html"
    return [Banner(text=words, tone="unsure", href=href, link="See it")]


def review(run: PastRun, *, required: bool) -> str:
    """Return who said what of a run, or that it awaits review where one is required."""
    sign = run.sign_off
    if sign is None:
        mark = Mark(word=AWAITING, tone="unsure") if required else None
        return render("review.html.j2", mark=mark, note="", instead="")
    return render(
        "review.html.j2",
        mark=Mark(
            word=signed_words(sign.decision, by=sign.by, on=moment_day(sign.at)),
            tone=sign_tone(sign.decision),
        ),
        note=sign.note,
        instead=instead_words(sign.action, sign.because) if sign.action else "",
    )


def since(history: History, run: PastRun) -> str:
    """Return the block "Changes since the last report": why the number moved, and its trend."""
    history = reviewed(history)
    runs = history.runs[: place_of(history, run) + 1]
    before = _before(history, runs)
    recent = runs[-_TREND:]
    drawn = [one for one in recent if alike(one.line, run.line)]
    points = [
        TrendPoint(data_to=o.line.data_to, estimate=o.line.estimate, anytime=o.line.anytime)
        for o in drawn
    ]
    metric = run.line.metric
    return render(
        "since.html.j2",
        story=None if before is None else story(run, before),
        unit=unit_words(metric),
        chart=chart(points, metric.matters_from),
        ends=_ends(drawn),
        first=run_day(drawn[0]),
        last=run_day(drawn[-1]),
        rows=[_row(one, run) for one in reversed(recent)],
    )


def _before(history: History, runs: Sequence[PastRun]) -> PastRun | None:
    """Return the run that the last of `runs` is compared with; None for the first."""
    change = runs[-1].change
    compared = None if change is None else history.of(change.before)
    return compared or (runs[-2] if len(runs) > 1 else None)


def place_of(history: History, run: PastRun) -> int:
    """Return where a run stands in a history: its last place, counted from 0."""
    ids = [one.line.run_id for one in history.runs]
    return len(ids) - 1 - ids[::-1].index(run.line.run_id)


def _ends(runs: Sequence[PastRun]) -> tuple[str, str, str]:
    """Return the first and the last estimate, and what the drawing shows."""
    known = [run.line for run in runs if run.line.estimate is not None]
    if not known:
        return "", "", ""
    first, last = (
        difference_words(line.metric, line.estimate or 0.0, line.anytime)
        for line in (known[0], known[-1])
    )
    unit = unit_words(known[-1].metric)
    return first, last, trend_description(runs=len(known), first=first, last=last, unit=unit)


def _row(one: PastRun, run: PastRun) -> TrendRow:
    line = one.line
    estimate, spread = WITHHELD, ""
    if line.estimate is not None:
        estimate = difference_words(line.metric, line.estimate, line.anytime)
        spread = range_words(line.metric, line.anytime)
        if not alike(line, run.line):
            estimate += f" {unit_words(line.metric)} ({line.metric.label}, {line.arm})"
    return TrendRow(
        name=run_day(one), estimate=estimate, spread=spread, verdict=decision_mark(line.decision)
    )


def links(run: PastRun, *, downloads: Sequence[str], up: str = "", explore: bool = False) -> str:
    """Return the links in the footer of a study's page."""
    folder = f"{up}runs/{url_part(run.line.run_id)}/"
    return render(
        "links.html.j2",
        up=up,
        folder=folder,
        downloads=[(name, f"{folder}{url_part(name)}") for name in downloads],
        explore=explore,
    )
