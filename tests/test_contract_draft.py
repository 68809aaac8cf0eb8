"""A drafted study can be loaded, and guesses what a person would."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from whatif.contract.draft import draft_study
from whatif.contract.study_file import study_from_mapping


def test_a_draft_guesses_ids_arms_and_outcomes(tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "visit_id": ["v1", "v2", "v3", "v4"],
            "customer": ["a", "a", "b", "c"],
            "seen_at": pd.to_datetime(["2026-01-01"] * 4),
            "old_group": ["1) $0 - $100", "x", "x", "x"],
            "group": ["B: new", "No change", "B: new", "No change"],
            "converted": [0, 1, 0, 1],
            "shipping_cost": [0.0, 2.0, 0.0, 3.0],
        }
    ).to_parquet(tmp_path / "log.parquet")
    text = draft_study("log.parquet", base=tmp_path, name="new-box")
    spec = study_from_mapping(yaml.safe_load(text))
    assert (spec.unit, spec.cluster, spec.time) == ("visit_id", "customer", "seen_at")
    assert (spec.treatment.column, spec.treatment.control) == ("group", "No change")
    assert spec.treatment.arms == ("B: new",)
    assert [(o.column, o.better) for o in spec.outcomes] == [
        ("converted", "higher"),
        ("shipping_cost", "lower"),
    ]
    assert spec.design.kind == "observational"


def test_what_is_not_recognised_is_left_for_a_person(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2], "y": ["a", "b"]}).to_csv(tmp_path / "log.csv", index=False)
    text = draft_study("log.csv", base=tmp_path, name="s")
    assert "column: CHANGE_ME" in text
    assert "columns with few levels: x, y" in text
    study_from_mapping(yaml.safe_load(text))
