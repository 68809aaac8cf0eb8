"""The calibration of a study as a file: its key, where it stands, and which one a run may show."""

from __future__ import annotations

from pathlib import Path

from whatif.base.calibration import Calibration, calibration_of
from whatif.base.hashing import of_json
from whatif.contract.spec import StudySpec

FILE = "calibration.json"


def calibration_key(score_key: str, spec: StudySpec) -> str:
    """Return the content hash of all a calibration depends on but the number of draws."""
    return of_json([score_key, spec.public()])


def stored_calibration(path: Path | None, key: str) -> Calibration | None:
    """Return the calibration at `path` if it is one of this very study on these very data."""
    if path is None:
        return None
    try:
        made = calibration_of(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return made if made.key == key else None
