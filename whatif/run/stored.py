"""A stored run as its files tell it, its scores read only when asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif.base.errors import DataError, Problem
from whatif.contract.spec import StudySpec, metric_name
from whatif.publish.run_folder import ANSWER
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet
from whatif.verdict.record import Decision

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """A stored run.

    Attributes
    ----------
    folder : Path
        The run folder.
    answer, manifest : mapping
        ``answer.json`` and ``manifest.json``.
    spec : StudySpec
        The study as it was.
    """

    folder: Path
    answer: Json
    manifest: Json
    spec: StudySpec

    @property
    def withheld(self) -> bool:
        """Whether the run cannot be trusted."""
        return bool(self.answer["verdict"]["decision"] == Decision.CANNOT_BE_TRUSTED)

    def row(self, outcome: str, arm: str) -> Json | None:
        """Return the overall effect of an arm; None where there is none or it has no estimate."""
        for one in self.answer["effects"]:
            same = (one["outcome"], one["arm"], one["estimator"]) == (outcome, arm, "aipw")
            if same and not one["segment"] and one["estimate"] is not None:
                return dict(one)
        return None

    def scores(self) -> Scores | None:
        """Return the scores; None where they are gone or damaged."""
        try:
            return from_parquet(self.folder / "scores.parquet")
        except DataError:
            return None


def read_stored(folder: Path) -> Stored:
    """Read what a run folder says of its run.

    Raises
    ------
    DataError
        If answer or manifest are missing or damaged, or are those of another version.
    """
    try:
        answer = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        spec = StudySpec.model_validate(manifest["study_file"])
        made = Stored(folder=folder, answer=answer, manifest=manifest, spec=spec)
        made.row(metric_name(spec.primary), answer["verdict"]["arm"])
        _require(answer, "run_id", "checks", "estimand", "effects", "verdict")
        _require(manifest, "score_key", "code", "versions", "data", "as_of")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            Problem(
                what=f"The run {folder.name} cannot be read ({type(error).__name__}).",
                why="a run that is damaged, or of another version, cannot be set against another.",
                fix="restore it from a copy, or compare other runs.",
            )
        ) from error
    return made


def _require(record: Json, *keys: str) -> None:
    missing = [key for key in keys if key not in record]
    if missing:
        raise KeyError(missing[0])
