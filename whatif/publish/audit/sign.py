"""Sign-off: what a named person said of a run, bound to the content of that run."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from whatif.base.errors import Problem, PublishError, UsageError, did_you_mean
from whatif.base.hashing import canonical_json
from whatif.base.history import SignOff
from whatif.contract.stored import from_json
from whatif.publish.atomic import publishing
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.record import recorded_runs, run_content
from whatif.publish.audit.trail import writing
from whatif.publish.run_folder import ANSWER
from whatif.verdict.record import Decision

_MOST_NAME, _MOST_TEXT = 200, 4_000


def sign(out: Path, study: str, sign_off: SignOff, *, key: bytes | None = None) -> SignOff:
    """Record what a person said of a run; a later word on the same run stands over this one.

    Parameters
    ----------
    out, study
        Where the run stands.
    sign_off : SignOff
        Who, when, what. An `action` that is what the run recommends anyway is left out.
    key : bytes, optional
        Seals the entry.

    Returns
    -------
    SignOff
        As recorded.

    Raises
    ------
    UsageError
        If the run is not known, the person or a reason is missing, or a text cannot be stored.
    PublishError
        If the run is damaged, is not what was recorded, or the trail cannot be written.
    """
    said = _tidy(sign_off)
    with writing(out, study, key=key) as trail:
        runs = recorded_runs(trail.entries)
        folder = out / study / "runs" / said.run_id
        if said.run_id not in runs:
            raise _unknown(said.run_id, list(runs))
        if run_content(folder) != runs[said.run_id]:
            raise _altered(folder)
        with publishing(folder):
            answer = json.loads((folder / ANSWER).read_bytes())
        recommended = answer["verdict"]["decision"]
        if said.action == recommended:
            said = replace(said, action="")
        _require_reason(said, recommended)
        content = {"sign_off": asdict(said), "content": runs[said.run_id].content}
        trail.add("sign", content, now=dt.datetime.fromisoformat(said.at))
        return said


def sign_offs(entries: Iterable[Entry]) -> Mapping[str, SignOff]:
    """Return what was last said of each run, by run id.

    A word said of other content under the same id, such as a run made again elsewhere, is left
    out: that run awaits review again.
    """
    known = tuple(entries)
    runs = recorded_runs(known)
    said: dict[str, SignOff] = {}
    for entry in known:
        if entry.kind == "sign":
            stored = canonical_json(entry.content["sign_off"])
            one = from_json(SignOff, stored, shown=f"entry {entry.n} of the audit trail")
            said.pop(one.run_id, None)
            if one.run_id in runs and runs[one.run_id].content == entry.content["content"]:
                said[one.run_id] = one
    return said


def _tidy(said: SignOff) -> SignOff:
    texts = {name: getattr(said, name).strip() for name in ("by", "note", "action", "because")}
    if not texts["by"]:
        raise UsageError(
            Problem(
                what="The sign-off names nobody.",
                why="readers rely on a person who stands for the run.",
                fix="say who signs, e.g. --by 'Ada Lovelace'.",
            )
        )
    for name, text in texts.items():
        most = _MOST_TEXT if name in {"note", "because"} else _MOST_NAME
        breaks = "\n\t" if most == _MOST_TEXT else ""
        hidden = any(unicodedata.category(c) in {"Cc", "Cs"} and c not in breaks for c in text)
        if len(text) > most or hidden:
            raise UsageError(
                Problem(
                    what=f"The {name!r} of the sign-off "
                    + ("holds control characters." if hidden else f"is longer than {most:,}."),
                    why="it is stored for good and shown to every reader.",
                    fix="give it as plain text, shorter if need be.",
                )
            )
    known = [decision.value for decision in Decision]
    if texts["action"] and texts["action"] not in known:
        raise UsageError(
            Problem(
                what=f"{texts['action']!r} is no decision.",
                why="what is done must be comparable with what the run recommends.",
                fix=did_you_mean(texts["action"], known),
            )
        )
    return replace(said, **texts)


def _require_reason(said: SignOff, recommended: str) -> None:
    distrusted = said.decision == "approve" and recommended == Decision.CANNOT_BE_TRUSTED
    if said.because or not (said.action or distrusted):
        return
    against = f"does {said.action!r} where the run says {recommended!r}"
    raise UsageError(
        Problem(
            what="The sign-off "
            + (against if said.action else "approves a run that cannot be trusted")
            + ", and gives no reason.",
            why="a reader must be able to see why the evidence was not followed.",
            fix="give the reason with --because.",
        )
    )


def _unknown(run_id: str, known: list[str]) -> UsageError:
    hint = did_you_mean(run_id, known) if known else "no run of this study is recorded yet."
    return UsageError(
        Problem(
            what=f"The audit trail knows no run {run_id!r}.",
            why="only a run whose content is recorded can be signed.",
            fix=f"name a run of this study; {hint}",
        )
    )


def _altered(folder: Path) -> PublishError:
    return PublishError(
        Problem(
            what=f"The run folder {folder} is damaged, or is not what was recorded.",
            why="a signature would stand under numbers that no run has made.",
            fix="see `whatif audit verify`, then run the study again with --force and sign that.",
        )
    )
