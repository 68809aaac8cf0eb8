"""Two runs of a study side by side; with a script, any two of the newest hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatif.base.hashing import canonical_json
from whatif.base.history import History, PastRun
from whatif.report.site.amounts import (
    SHORT,
    day_words,
    moment_day,
    run_name,
    study_title,
    url_part,
)
from whatif.report.site.history_page import NEWEST
from whatif.report.site.rendering import document, plain_text
from whatif.report.site.story import story, told
from whatif.verdict.site_wording import (
    CHANGED,
    NO_RUN,
    ONE_RUN,
    SAME,
    UNREVIEWED,
    WITHHELD,
    apart_words,
    decision_mark,
    held_words,
    same_run_words,
    signed_words,
)

ROWS = (
    *("Verdict", "Headline", "Number", "Money", "Counted", "Checks", "Broke", "Data", "As of"),
    *("Data hash", "Definition", "Code", "Sign-off"),
)
_NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One line of the comparison."""

    name: str
    earlier: str
    later: str
    differs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run that can be chosen."""

    name: str
    href: str
    cells: tuple[str, ...]
    split: str


def compare_page(history: History) -> bytes:
    """Return ``compare.html``: the two newest runs that readers may see.

    Parameters
    ----------
    history : History
        Without what unreviewed runs found: ``base.history.reviewed``.
    """
    runs = [run for run in history.runs if run.line.decision]
    newest = runs[-NEWEST:]
    before = [None, *runs][-len(newest) - 1 : -1] if runs else []
    sides = [_side(run, prior) for run, prior in zip(newest, before, strict=True)][::-1]
    several = len(sides) > 1
    return document(
        "compare.html.j2",
        root="../",
        heading=study_title(history.study),
        nothing="" if several else (ONE_RUN if sides else NO_RUN),
        sides=sides,
        rows=_rows(sides[1], sides[0]) if several else (),
        split=sides[0].split if several else "",
        file=_file(sides, [run.line.run_id for run in reversed(newest)]) if several else "",
    )


def _side(run: PastRun, before: PastRun | None) -> Side:
    return Side(
        name=run_name(run),
        href=f"runs/{url_part(run.line.run_id)}/report.html",
        cells=_cells(run),
        split="" if before is None else told(story(run, before)),
    )


def _cells(run: PastRun) -> tuple[str, ...]:
    line, sign = run.line, run.sign_off
    signed = (
        UNREVIEWED
        if sign is None
        else signed_words(sign.decision, by=sign.by, on=moment_day(sign.at))
    )
    period = [day_words(end) for end in (line.data_from, line.data_to) if end is not None]
    cells = (
        decision_mark(line.decision).word,
        line.headline,
        line.number or WITHHELD,
        line.money,
        f"{line.units:,} units, {line.clusters:,} clusters",
        held_words(held=line.held, judged=line.judged),
        ", ".join(line.broke),
        " to ".join(period),
        day_words(line.as_of),
        line.fingerprint[:SHORT],
        line.study_hash[:SHORT],
        f"{line.code[:SHORT]} (version {line.version})",
        signed if not sign or not sign.note else f"{signed}: {sign.note}",
    )
    return tuple(plain_text(cell) or _NOTHING for cell in cells)


def _rows(earlier: Side, later: Side) -> list[ComparedRow]:
    return [
        ComparedRow(name=name, earlier=a, later=b, differs=SAME if a == b else CHANGED)
        for name, a, b in zip(ROWS, earlier.cells, later.cells, strict=True)
    ]


def _file(sides: Sequence[Side], ids: Sequence[str]) -> str:
    """Return what the script chooses from; every text stands in it once."""
    texts: dict[str, int] = {}
    runs = [
        {
            "id": run_id,
            "name": texts.setdefault(plain_text(side.name), len(texts)),
            "href": side.href,
            "cells": [texts.setdefault(cell, len(texts)) for cell in side.cells],
            "split": texts.setdefault(plain_text(side.split), len(texts)),
        }
        for side, run_id in zip(sides, ids, strict=True)
    ]
    words = {
        "changed": CHANGED,
        "same": SAME,
        "apart": apart_words(),
        "one": same_run_words(),
    }
    return canonical_json({"texts": list(texts), "runs": runs, "words": words})
