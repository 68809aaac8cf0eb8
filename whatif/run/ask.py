"""A what-if question to a stored run: what ``whatif ask`` answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whatif.base.hashing import canonical_json
from whatif.run.answers import open_run
from whatif.run.found import Found
from whatif.run.what_if import Question, amounts_of, ask
from whatif.verdict.record import Decision
from whatif.verdict.scenario_wording import asked_line, what_if_notes, what_if_title


def ask_run(ref: str, question: Question, *, out: Path) -> Found:
    """Answer a what-if question from a stored run, as ``ask.v1``.

    Raises
    ------
    UsageError
        If the run or a part of the question is not known, or the data cannot speak of it.
    PublishError
        If the log of cuts cannot be written.
    """
    opened = open_run(ref, out=out)
    verdict = opened.findings.verdict
    made = ask(
        opened.scores,
        opened.spec,
        question,
        days=json.loads(opened.json)["data"]["days"],
        recommended=verdict.arm,
        folder=opened.folder,
    )
    withheld = verdict.decision is Decision.CANNOT_BE_TRUSTED
    amounts, spec = amounts_of(question), opened.spec
    told = {name: dict(getattr(amounts, name)) for name in ("per", "factor", "arm_cost", "price")}
    record = {
        "schema": "ask.v1",
        **json.loads(canonical_json(asdict(made))),
        **told,
        "verdict": str(verdict.decision),
    }
    if withheld:
        text = f"{verdict.headline} No what-if is answered from them; the page says why."
        gone: dict[str, Any] = {"effects": [], "profit": None, "monthly": [], "break_even": None}
        return Found(record=record | gone, text=text, withheld=True)
    profit = () if made.profit is None else (made.profit,)
    lines = [
        f"{what_if_title(made)}.",
        *(asked_line(effect, spec, made.currency) for effect in (*made.effects, *profit)),
        *(asked_line(effect, spec, made.currency) for effect in made.monthly),
        *what_if_notes(made, spec, amounts, units=opened.scores.n),
        f"The study's verdict: {verdict.headline}",
    ]
    return Found(record=record, text="\n".join(lines))
