"""Bad input: one clear error or named warning, its exit code, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.test_run import Outcome, command

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _frame(n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "session": [f"s{i}" for i in range(n)],
            "customer": [f"c{i // 2}" for i in range(n)],
            "arm": rng.choice(["off", "on"], n),
            "region": rng.choice(["north", "south"], n),
            "hour": rng.integers(0, 24, n),
            "converted": rng.integers(0, 2, n),
        }
    )


def _keys() -> dict[str, object]:
    return {
        "study": "small",
        "data": {"source": "log.csv"},
        "unit": "session",
        "cluster": "customer",
        "assigned": "session",
        "treatment": {"column": "arm", "control": "off", "arms": ["on"]},
        "design": {"kind": "experiment", "probability": {"off": 0.5, "on": 0.5}},
        "outcomes": [{"column": "converted"}],
        "covariates": ["hour"],
        "segments": ["region"],
    }


def _run(folder: Path, change: Change | None = None, **keys: Any) -> Outcome:
    frame = _frame() if change is None else change(_frame())
    frame.to_csv(folder / "log.csv", index=False)
    study = {k: v for k, v in (_keys() | keys).items() if v is not None}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    done = command("run", folder / "study.yaml", "--out", folder / "out", "--quick", "--json")
    if done.code not in (0, 4):
        assert json.loads(done.out)["error"]["exit_code"] == done.code
        assert not list((folder / "out").glob("small/runs/*")), "nothing half-written"
        assert "What to do:" in done.err
        assert "Traceback" not in done.err
    return done


def _set(column: str, value: Any) -> Change:
    return lambda frame: frame.assign(**{column: value})


DATA_ERRORS: dict[str, tuple[Change, str]] = {
    "one arm only": (_set("arm", "off"), "on"),
    "constant outcome": (_set("converted", 1), "constant|same value"),
    "text where numbers should be": (_set("converted", "yes"), "converted"),
    "no rows": (lambda frame: frame.iloc[:0], "no rows|empty"),
    "duplicated unit ids": (lambda f: f.assign(session=["s0", *f["session"][:-1]]), "s0"),
    "missing treatment": (
        lambda f: f.assign(arm=f["arm"].where(f.index > 3)),
        "treatment|missing",
    ),
    "missing column": (lambda f: f.drop(columns="hour"), "hour"),
    "infinite covariate": (lambda f: f.assign(hour=np.inf), "infinite"),
}


@pytest.mark.parametrize("case", DATA_ERRORS)
def test_broken_data_exit_3(case: str, tmp_path: Path) -> None:
    change, words = DATA_ERRORS[case]
    done = _run(tmp_path, change)
    assert done.code == 3, done.err
    assert pd.Series([done.err]).str.contains(words, regex=True, case=False).all(), done.err


def test_a_missing_file_exits_3(tmp_path: Path) -> None:
    done = _run(tmp_path, data={"source": "gone.parquet"})
    assert done.code == 3
    assert "gone.parquet" in done.err


def test_an_empty_file_exits_3(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert _run(tmp_path, data={"source": "empty.csv"}).code == 3


def test_an_arm_that_is_not_in_the_data_exits_3_with_a_hint(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        treatment={"column": "arm", "control": "off", "arms": ["onn"]},
        design={"kind": "experiment", "probability": {"off": 0.5, "onn": 0.5}},
    )
    assert done.code == 3
    assert "'on'" in done.err


STUDY_ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "a typo": ({"covariate": ["hour"]}, "covariates"),
    "a missing key": ({"treatment": None}, "treatment"),
    "an unknown estimator": ({"estimators": ["aipw", "econml.LinearDLM"]}, "LinearDML"),
    "looks without a last day": ({"decision": {"looks": "scheduled"}}, "decision.on"),
}


@pytest.mark.parametrize("case", STUDY_ERRORS)
def test_broken_study_files_exit_2(case: str, tmp_path: Path) -> None:
    keys, words = STUDY_ERRORS[case]
    done = _run(tmp_path, **keys)
    assert done.code == 2, done.err
    assert words in done.err


GRAPH_ERRORS: dict[str, tuple[str, str]] = {
    "a cycle": ("digraph {arm -> converted; converted -> hour; hour -> arm; region}", "cycle"),
    "an unknown column": ("digraph {arm -> convrted; hour -> convrted; region}", "converted"),
    "a covariate that the treatment causes": (
        "digraph {arm -> hour; hour -> converted; region -> converted}",
        "arm → hour",
    ),
}


@pytest.mark.parametrize("case", GRAPH_ERRORS)
def test_broken_graphs_exit_2(case: str, tmp_path: Path) -> None:
    text, words = GRAPH_ERRORS[case]
    (tmp_path / "graph.dot").write_text(text, encoding="utf-8")
    done = _run(tmp_path, graph="graph.dot")
    assert done.code == 2, done.err
    assert words in done.err


def test_an_effect_that_is_not_identified_exits_5(tmp_path: Path) -> None:
    text = "digraph {taste -> arm; taste -> converted; hour -> converted; region; arm -> converted}"
    (tmp_path / "graph.dot").write_text(text, encoding="utf-8")
    done = _run(tmp_path, design={"kind": "observational"}, graph="graph.dot")
    assert done.code == 5, done.err
    assert "taste" in done.err


def test_no_overlap_exits_5(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        lambda f: f.assign(
            hour=np.where((f["arm"] == "on") & (f.index % 4 > 0), 23, f["hour"] % 12)
        ),
        design={"kind": "observational"},
    )
    assert done.code == 5, done.err
    assert "overlap" in done.err


def test_a_device_is_not_a_presentation(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        lambda f: f.assign(region=np.where(f["arm"] == "on", "desktop", "mobile")),
    )
    assert done.code == 5, done.err
    assert "'arm' follows from 'region'" in done.err


def test_a_contract_of_other_data_exits_3(tmp_path: Path) -> None:
    done = _run(tmp_path, data={"source": "log.csv", "contract": "hillstrom.v1"})
    assert done.code == 3, done.err
    assert "promises none of the study's columns" in done.err


def test_one_typo_is_one_problem(tmp_path: Path) -> None:
    done = _run(tmp_path, outcomes=[{"column": "converted", "maters_from": 0.01}])
    assert done.code == 2
    assert "1 problem\n" in done.err
    assert "matters_from" in done.err


def _answer(done: Outcome) -> dict[str, list[dict[str, str]]]:
    assert done.code == 0, done.err
    found: dict[str, list[dict[str, str]]] = json.loads(done.out)
    return found


def test_an_all_missing_covariate_is_a_named_warning(tmp_path: Path) -> None:
    answer = _answer(_run(tmp_path, _set("hour", None)))
    assert "all_missing_covariate" in {n["code"] for n in answer["notices"]}


def test_a_segment_with_three_rows_is_a_named_warning(tmp_path: Path) -> None:
    answer = _answer(
        _run(tmp_path, lambda f: f.assign(region=f["region"].where(f.index > 2, "far")))
    )
    assert "small_segment" in {n["code"] for n in answer["notices"]} or (
        "segment_without_overlap" in {n["code"] for n in answer["notices"]}
    )
    shown = {str(e["segment"]): e["reading"] for e in answer["effects"]}
    assert shown["{'region': 'far'}"] in {"suppressed", "no_overlap"}


def test_a_cluster_in_two_arms_breaks_a_check_when_clusters_were_assigned(tmp_path: Path) -> None:
    answer = _answer(_run(tmp_path, assigned="customer"))
    status = {c["name"]: c["status"] for c in answer["checks"]}
    assert status["two_arms"] == "broke"


def test_missing_outcomes_are_counted_and_set_aside(tmp_path: Path) -> None:
    answer = _answer(
        _run(tmp_path, lambda f: f.assign(converted=f["converted"].where(f.index % 40 > 0)))
    )
    assert "missing_outcome" in {n["code"] for n in answer["notices"]}
