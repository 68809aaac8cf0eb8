"""Bad input end to end: every check says what it could not see, and none falls over."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi

STATUSES = {"held", "broke", "not_applicable", "did_not_run"}


def _frame(n: int = 400, *, customers: int = 100) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "session": range(n),
            "customer": np.arange(n) % customers,
            "arm": rng.choice(["off", "on"], n),
            "age": rng.normal(size=n),
            "flat": 1.0,
            "robot": rng.random(n) < 0.1,
            "at": pd.Timestamp("2026-10-01") + pd.to_timedelta(np.arange(n) % 30, unit="D"),
            "ordered": rng.integers(0, 2, n),
            "cost": 0.0,
        }
    )


def _checks(frame: pd.DataFrame, **keys: Any) -> dict[str, tuple[str, str]]:
    base: dict[str, Any] = {
        "unit": "session", "cluster": "customer", "time": "at", "bots": "robot",
        "treatment": {"column": "arm", "control": "off"},
        "outcomes": [{"column": "ordered"}, {"column": "cost", "kind": "cost"}],
        "covariates": ["age"], "learners": ["glm"],
    }  # fmt: skip
    answer = wi.study(frame, name="bad", **(base | keys)).run(quick=True)
    checks = json.loads(answer.json)["checks"]
    return {check["name"]: (check["status"], check["finding"]) for check in checks}


@pytest.mark.parametrize(
    ("frame", "keys"),
    [
        (_frame(customers=12), {}),
        (_frame(), {"covariates": ["age", "flat"]}),
        (_frame().assign(arm=np.where(np.arange(400) < 8, "on", "off")),
         {"design": {"kind": "experiment", "probability": {"off": 0.98, "on": 0.02}},
          "assigned": "session"}),
    ],
    ids=["few clusters", "constant covariate", "tiny arm"],
)  # fmt: skip
def test_every_check_says_one_of_four_things(frame: pd.DataFrame, keys: dict[str, Any]) -> None:
    found = _checks(frame, **keys)
    assert {status for status, _ in found.values()} <= STATUSES
    assert all(finding for _, finding in found.values())
    assert found["late_costs"][0] == "did_not_run", "every cost is 0"
    status, finding = found["nuisance_calibration"]
    assert status != "held" or "could have been seen" in finding


@pytest.mark.parametrize("column", ["same", "side"])
def test_a_covariate_that_decides_the_arm_is_refused(column: str) -> None:
    frame = _frame()
    on = frame["arm"] == "on"
    frame = frame.assign(same=frame["arm"], side=np.where(on, 1.0, -1.0))
    with pytest.raises(wi.NotIdentifiedError, match=f"'arm' follows from '{column}'"):
        _checks(frame, covariates=["age", column])
