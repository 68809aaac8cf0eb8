"""A run that is killed half-way goes on from the scores it had finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from whatif.run.analysis import RunOptions
from whatif.run.demo import simulate_to
from whatif.run.job import Target, run_study

KILLED_ONCE_KEPT = """
import os, pathlib, signal, time
import whatif.run.analysis as analysis

def die(*_):
    while not list(pathlib.Path(os.environ["WHATIF_CACHE"]).glob("*.parquet")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

analysis.effect_rows = die
from whatif.cli import main
main()
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    log, _ = simulate_to(folder / "log.parquet", sessions=3_000, seed=5, mode="randomised")
    keys = {
        "study": "killed",
        "data": {"source": str(log)},
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "session_id",
        "treatment": {"column": "presentation", "control": "folded"},
        "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        "outcomes": [{"column": "converted", "kind": "binary"}],
        "covariates": ["cart_value"],
        "freshness": "9999d",
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(keys), encoding="utf-8")
    return path


def test_scores_survive_a_kill_and_are_not_fitted_again(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_ONCE_KEPT, "run", str(study), "--quick", "--out", str(out)],
        env=os.environ | {"WHATIF_CACHE": str(cache)},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(cache.glob("*.parquet"))
    assert not list(out.glob("killed/runs/*"))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the models were fitted again")

    monkeypatch.setattr("whatif.run.analysis.fit_scores", refuse)
    done = run_study(
        study,
        options=RunOptions(quick=True, cache=cache),
        target=Target(out=out, publish=False, site=out / "site"),
    )
    assert (done.folder / "answer.json").is_file()
