"""The scenario file of a run: made while it is assembled, and again from stored scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whatif.base.errors import DataError, Problem, UsageError
from whatif.base.records import DataSummary
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.effects.money import monthly_units
from whatif.publish.run_folder import LATEST
from whatif.scenarios.sheet.build import About, sheet_of
from whatif.scenarios.sheet.text import encode
from whatif.scores.record import Scores
from whatif.verdict.record import Decision, Verdict

FILE = "scenario.json"


def scenario_text(
    means: Joint,
    spec: StudySpec,
    verdict: Verdict,
    *,
    run_id: str,
    as_of: str | None,
    units: float | None,
) -> str | None:
    """Return the text of ``scenario.json``; None where there is nothing to ask.

    Parameters
    ----------
    means : Joint
        Joint means of the run.
    spec : StudySpec
        The study.
    verdict : Verdict
        What the run decided; the declared scenario gives its arm to everyone.
    run_id : str
        Content hash of the run.
    as_of : str or None
        Last day of its data.
    units : float or None
        Units a month that its averages speak of.
    """
    about = About(
        run_id=run_id,
        as_of=as_of,
        arm=verdict.arm,
        units=units,
        withheld=verdict.decision is Decision.CANNOT_BE_TRUSTED,
    )
    sheet = sheet_of(means, spec, about)
    return None if sheet is None else encode(sheet)


def scenario_of_run(
    means: Joint,
    scores: Scores,
    spec: StudySpec,
    verdict: Verdict,
    data: DataSummary,
    *,
    run_id: str,
) -> str | None:
    """Return the scenario file of a run that is being assembled."""
    as_of = None if data.as_of is None else data.as_of.isoformat()
    units = _units(scores, spec, data.days)
    return scenario_text(means, spec, verdict, run_id=run_id, as_of=as_of, units=units)


def _units(scores: Scores, spec: StudySpec, days: int | None) -> float | None:
    return monthly_units(spec.value or ValueSpec(currency="", per={}), scores, days=days)


def scenario_of_answer(
    scores: Scores, spec: StudySpec, verdict: Verdict, answer: str, folder: Path | None
) -> str:
    """Return the scenario file of an answer: its own, or made now where its folder has none.

    Parameters
    ----------
    scores : Scores
        Scores of the run.
    spec : StudySpec
        The study.
    verdict : Verdict
        What the run decided.
    answer : str
        ``answer.json``.
    folder : Path or None
        The run folder of a stored run; runs made before scenario files lack the file.

    Raises
    ------
    UsageError
        If there is nothing to ask.
    """
    if folder is not None and (folder / FILE).is_file():
        return read_scenario(folder)
    stored: dict[str, Any] = json.loads(answer)
    made = scenario_text(
        joint(scores, cut(scores.columns, spec.segments)),
        spec,
        verdict,
        run_id=stored["run_id"],
        as_of=stored["as_of"],
        units=_units(scores, spec, stored["data"]["days"]),
    )
    if made is None:
        raise UsageError(
            Problem(
                what="This run has no scenario file: an arm is absent, or there is no error.",
                why="a scenario without the error of its numbers would be a guess.",
                fix="run the study again with more clusters.",
            )
        )
    return made


def read_scenario(path: Path) -> str:
    """Return the text of a scenario file, or of the one in a run folder.

    A study's ``runs/latest`` holds the name of its latest run, and stands for that folder.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        If it is not text.
    """
    file = path / FILE if path.is_dir() else path
    try:
        if path.name == LATEST and path.is_file():
            file = path.parent / path.read_text(encoding="utf-8").strip() / FILE
        return file.read_text(encoding="utf-8")
    except OSError:
        raise UsageError(
            Problem(
                what=f"There is no scenario file {file}.",
                why="scenarios are answered from the file that a run leaves.",
                fix="name a scenario.json, or a run folder that holds one.",
            )
        ) from None
    except UnicodeDecodeError:
        raise DataError(
            Problem(
                what=f"The scenario file {file} is damaged: it is not text.",
                why="a damaged file must not answer questions.",
                fix="copy it again from its run folder, or run the study again.",
            )
        ) from None
