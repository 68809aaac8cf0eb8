"""A small study and a frame that fits it, which tests of the contract room break in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif.contract.dataset import DataSet, load_dataset
from whatif.contract.spec import StudySpec
from whatif.contract.study_file import study_from_mapping

HERE = Path(__file__).parent


def spec(**changes: Any) -> StudySpec:
    base: dict[str, Any] = {
        "study": "small",
        "unit": "id",
        "time": "at",
        "treatment": {"column": "arm", "control": "folded"},
        "outcomes": [{"column": "won"}, {"column": "cost_usd", "better": "lower"}],
        "covariates": ["x"],
        "segments": ["device"],
    }
    return study_from_mapping(base | changes, on_frame=True)


def rows(n: int = 12, **changes: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "id": [f"u{i:02d}" for i in range(n)],
            "customer": [f"c{i // 2}" for i in range(n)],
            "at": pd.date_range("2026-10-01T12:00", periods=n, freq="D", tz="UTC"),
            "arm": (["folded", "expanded"] * n)[:n],
            "won": ([0, 1, 1] * n)[:n],
            "cost_usd": np.linspace(0, 3, n),
            "x": np.linspace(-1, 1, n),
            "device": (["mobile", "desktop", "mobile"] * n)[:n],
        }
    )
    return frame.assign(**changes)


def load(frame: pd.DataFrame | None = None, **changes: Any) -> DataSet:
    as_of = changes.pop("as_of", None)
    adjustment = changes.pop("adjustment", ())
    return load_dataset(
        spec(**changes),
        base=HERE,
        frame=rows() if frame is None else frame,
        as_of=as_of,
        adjustment=adjustment,
    )
