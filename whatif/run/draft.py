"""A first study file, guessed from the columns of a data set: what ``whatif init`` writes."""

from __future__ import annotations

from pathlib import Path

from whatif.base.errors import Problem, UsageError
from whatif.contract.draft import draft_study
from whatif.publish.atomic import publishing, write_bytes


def draft(source: str, study: Path) -> str:
    """Write a study file guessed from the columns of `source`, and say what to do next.

    Raises
    ------
    UsageError
        If the file exists already, or the columns do not suggest a study.
    DataError
        If the source cannot be read.
    """
    if study.exists():
        raise UsageError(
            Problem(
                what=f"{study} exists already.",
                why="a draft must not overwrite a study.",
                fix="name another file with --study.",
            )
        )
    local = Path(source)
    shown = str(local.resolve()) if local.exists() else source
    name = "".join(c if c.isalnum() else "-" for c in study.resolve().parent.name.lower())
    text = draft_study(shown, base=Path.cwd(), name=name.strip("-") or "study")
    with publishing(study):
        write_bytes(study, text.encode())
    return f"{study}\nRead and correct every line, then: whatif check {study}"
