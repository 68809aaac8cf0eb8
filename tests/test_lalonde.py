"""LaLonde (1986) and the 401(k) plans: poor overlap, and figures that others published.

The experiment says 1794 dollars. Past data of the same trainees beside controls from two surveys
must agree within their own error, and must not look surer than they are (ruling 35). Reference:
Dehejia & Wahba (1999), JASA 94(448), 1053–1062; Chernozhukov et al. (2018), The Econometrics
Journal 21(1), C1–C68, section 6.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whatif as wi
from whatif.api.answer import Answer
from whatif.effects.rows import EffectRow

EXPERIMENT = 1794.342
EXPERIMENT_ERROR = 671.0  # of the difference in means, 445 men
BEFORE = ("re75", "u75")


def _read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv.gz")


def _survey(folder: Path, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Trainees of the experiment with controls of a survey, and their covariates."""
    frame = _read(folder, f"lalonde_{name}")
    if name == "cps1":
        trainees = _read(folder, "lalonde_nsw_dw").query("treat == 1")
        frame = pd.concat([trainees, frame], ignore_index=True)
        known = ["age", "educ", "black", "hisp", "marr"]
    else:
        known = ["age", "educ", "ethn", "married"]
    made = frame.assign(
        treat=frame["treat"].astype(int),
        nodegree=(frame["educ"] < 12).astype(int),
        u74=(frame["re74"] == 0).astype(int),
        u75=(frame["re75"] == 0).astype(int),
    )
    if name == "psid1":
        made["married"] = made["married"].astype(int)
    return made, [*known, "nodegree", "re74", "re75", "u74", "u75"]


def _asked(
    frame: pd.DataFrame, covariates: list[str], outcome: str = "re78", **keys: Any
) -> Answer:
    base: dict[str, Any] = {
        "treatment": {"column": "treat", "control": 0},
        "outcomes": [{"column": outcome, "matters_from": 500.0}],
        "covariates": covariates,
        "folds": 5,
        "learners": ["glm"],
    }
    return wi.study(frame, **(base | keys)).run(quick=True)


def _effect(answer: Answer) -> tuple[EffectRow, float, float]:
    (row,) = answer.effects()
    assert row.estimate is not None
    assert row.std_error is not None
    return row, row.estimate, row.std_error


def _agrees(answer: Answer) -> bool:
    _, estimate, error = _effect(answer)
    return abs(estimate - EXPERIMENT) < 2 * math.hypot(error, EXPERIMENT_ERROR)


# ---- the experiment


def test_the_experiment_without_covariates_is_the_published_difference(data_folder: Path) -> None:
    frame = _read(data_folder, "lalonde_nsw_dw")
    design = {"kind": "experiment"}
    _, estimate, error = _effect(_asked(frame, [], design=design))
    assert estimate == pytest.approx(EXPERIMENT, abs=0.001)
    assert error == pytest.approx(EXPERIMENT_ERROR, abs=1.0)


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_the_experiment_with_covariates_stays_near(data_folder: Path, target: str) -> None:
    frame = _read(data_folder, "lalonde_nsw_dw")
    covariates = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
    answer = _asked(
        frame,
        covariates,
        design={"kind": "experiment"},
        target=target,
        learners=["glm", "boosting"],
        repetitions=3,
    )
    _, estimate, error = _effect(answer)
    assert abs(estimate - EXPERIMENT) < 350
    assert error < 1.05 * EXPERIMENT_ERROR


# ---- past data


@pytest.mark.parametrize("survey", ["cps1", "psid1"])
def test_the_average_over_all_rows_is_refused(data_folder: Path, survey: str) -> None:
    frame, covariates = _survey(data_folder, survey)
    with pytest.raises(wi.OverlapError, match="have a chance of some arm outside") as refused:
        _asked(frame, covariates)
    assert "; overlap: " in str(refused.value)


@pytest.mark.parametrize(("survey", "folds"), [("cps1", 2), ("psid1", 5)])
def test_the_effect_on_trainees_agrees_with_the_experiment(
    data_folder: Path, survey: str, folds: int
) -> None:
    frame, covariates = _survey(data_folder, survey)
    answer = _asked(
        frame, covariates, target="att", repetitions=20, folds=folds, overlap={"rule": "trim"}
    )
    row, estimate, _ = _effect(answer)
    assert _agrees(answer)
    assert row.n >= len(frame) - 5  # at most a few trainees have no counterpart
    assert len(answer.scores.repeats) == 20
    assert answer.verdict.decision.value in {"discuss", "do_not_roll_out", "not_worth_testing"}
    assert any("not shown that adjustment" in reason for reason in answer.verdict.reasons)
    table = {one.population: one for one in answer.populations()}
    assert table["everyone"].extrapolates
    assert table["everyone"].outside > 0.5
    assert table["everyone"].estimate < 0  # what an average over everyone would claim
    measured = ("0.01–0.99", "0.02–0.98", "0.05–0.95", "0.1–0.9", "optimal", "overlap")
    assert not any(table[name].extrapolates for name in measured)
    naive = frame.loc[frame["treat"] == 1, "re78"].mean()
    naive -= frame.loc[frame["treat"] == 0, "re78"].mean()
    assert naive == pytest.approx({"cps1": -8497.516, "psid1": -15204.78}[survey], abs=0.01)
    assert estimate > 0


@pytest.mark.parametrize("survey", ["cps1", "psid1"])
def test_earnings_before_the_training_show_that_the_comparison_is_not_sound(
    data_folder: Path, survey: str
) -> None:
    """Training in 1976 cannot change earnings in 1975; the adjusted gap does not vanish."""
    frame, covariates = _survey(data_folder, survey)
    left = [name for name in covariates if name not in BEFORE]
    answer = _asked(frame, left, "re75", target="att", repetitions=3, overlap={"rule": "trim"})
    row, estimate, _ = _effect(answer)
    assert estimate < -1_000
    assert row.ci[1] is not None
    assert row.ci[1] < 0


@pytest.mark.slow
@pytest.mark.parametrize("survey", ["cps1", "psid1"])
def test_the_effect_on_trainees_with_every_learner(data_folder: Path, survey: str) -> None:
    frame, covariates = _survey(data_folder, survey)
    keys: dict[str, Any] = {"target": "att", "learners": ["glm", "boosting"], "repetitions": 20}
    answer = _asked(frame, covariates, overlap={"rule": "trim"}, **keys)
    assert _agrees(answer)
    assert answer.verdict.decision.value in {"discuss", "do_not_roll_out", "not_worth_testing"}
    left = [name for name in covariates if name not in BEFORE]
    placebo = _asked(frame, left, "re75", overlap={"rule": "trim"}, **keys)
    row, _, _ = _effect(placebo)
    assert row.ci[1] is not None
    assert row.ci[1] < 0


# ---- 401(k)


def test_eligibility_for_a_401k_raises_financial_assets(data_folder: Path) -> None:
    frame = _read(data_folder, "pension_401k")
    covariates = ["age", "inc", "educ", "fsize", "marr", "twoearn", "db", "pira", "hown"]
    answer = wi.study(
        frame,
        treatment={"column": "e401", "control": 0},
        outcomes=[{"column": "net_tfa", "matters_from": 1000.0}],
        covariates=covariates,
    ).run(quick=True)
    _, estimate, error = _effect(answer)
    assert 7_500 <= estimate <= 9_800
    assert 1_000 <= error <= 1_500
    table = {one.population: one for one in answer.populations()}
    assert 7_500 <= table["overlap"].estimate <= 9_800
    assert not any(one.extrapolates for one in table.values())
    assert answer.verdict.decision.value == "worth_testing"
