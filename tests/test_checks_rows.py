"""Rows that should not count: bots, costs that come late, and rows that are too young."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import whatif as wi
from tests.benchmarks.checks_rows import with_bots, with_weeks
from tests.checks_evidence import evidence_of, world
from whatif.base.arrays import Floats
from whatif.checks.bots import Bots, marked
from whatif.checks.evidence import Evidence
from whatif.checks.late_costs import LateCosts, week_test
from whatif.checks.result import Status


def _marked_as(evidence: Evidence, values: object, rule: str = "robot") -> Evidence:
    design = replace(evidence.design, check_columns=pd.DataFrame({"robot": values}))
    spec = evidence.spec.model_copy(update={"bots": rule})
    return replace(evidence, design=design, spec=spec)


def _difference(gamma: Floats) -> float:
    return float(gamma[:, 1, 0].mean() - gamma[:, 0, 0].mean())


def test_effects_with_and_without_bots_are_those_of_the_scores() -> None:
    evidence = with_bots(1)
    bot = evidence.design.check_columns["robot"].to_numpy()
    with_all, without = Bots().run(evidence).details
    gamma = evidence.scores.gamma
    assert with_all.estimate == pytest.approx(_difference(gamma), abs=1e-12)
    assert without.estimate == pytest.approx(_difference(gamma[~bot]), abs=1e-12)
    assert (with_all.n, without.n) == (bot.size, int((~bot).sum()))
    assert without.ci[0] is not None
    assert without.ci[0] < without.estimate


def test_sound_bots_hold_and_say_how_far_they_move_the_effect() -> None:
    result = Bots().run(with_bots(2))
    assert result.status is Status.HELD
    assert "standard errors" in result.finding


def test_bots_logged_in_one_arm_only_break() -> None:
    result = Bots().run(with_bots(3, lost=1.0))
    assert result.status is Status.BROKE
    assert "0.00 % in a0" in result.finding


def test_bots_without_a_rule_without_rows_or_with_all_rows() -> None:
    evidence = evidence_of(world(4, customers=200))
    assert "declare one" in Bots().run(evidence).finding
    none = Bots().run(_marked_as(evidence, np.zeros(evidence.design.n, dtype=bool)))
    assert none.status is Status.NOT_APPLICABLE
    everyone = Bots().run(_marked_as(evidence, np.ones(evidence.design.n, dtype=bool)))
    assert everyone.status is Status.DID_NOT_RUN
    assert "marks every unit" in everyone.finding


def test_a_missing_value_is_a_person_and_that_is_said() -> None:
    assert marked("robot > 1", pd.DataFrame({"robot": [np.nan, 2.0]}))[1] == 1
    evidence = evidence_of(world(5, customers=300))
    clicks = np.where(np.arange(evidence.design.n) % 9 == 0, 5.0, 1.0)
    clicks[:7] = np.nan
    found = Bots().run(_marked_as(evidence, clicks, "robot > 1")).finding
    assert "7 units lack a column of the rule and count as people" in found


def test_few_bots_that_move_much_do_not_run() -> None:
    w = world(6, customers=400)
    bot = w.cluster < 3
    y = np.where((bot & (w.arm == 1))[:, None], 60.0, w.y)
    result = Bots().run(_marked_as(evidence_of(replace(w, y=y)), bot))
    assert result.status is Status.DID_NOT_RUN
    assert "fewer than 10 clusters of bots in an arm" in result.finding


def test_a_week_is_predicted_from_the_weeks_before() -> None:
    p_value, visible = week_test(np.array([1.0, 4.0, 5.0, 6.0]), 0.0, one_sided=True)
    assert p_value == pytest.approx(0.03708, abs=1e-4)
    assert visible == pytest.approx(6.9646 * np.sqrt(4 / 3), abs=1e-3)
    assert week_test(np.ones(4), 0.0, one_sided=True) == (1.0, np.inf)


def test_late_costs_break_and_sound_weeks_do_not() -> None:
    broke = LateCosts().run(with_weeks(7, lost=0.6, weekly=0.0))
    assert broke.status is Status.BROKE
    assert "(25–31 October 2026)" in broke.finding
    sound = LateCosts().run(with_weeks(7))
    assert sound.status in (Status.HELD, Status.DID_NOT_RUN)
    assert "could have been seen" in sound.finding
    assert len(sound.details) == 4


def test_late_costs_need_time_costs_and_weeks() -> None:
    plain = LateCosts().run(evidence_of(world(8, customers=100)))
    assert plain.status is Status.NOT_APPLICABLE
    evidence = with_weeks(8)
    short = evidence.design.columns.assign(at=pd.Timestamp("2026-10-31"))
    one_day = replace(evidence, design=replace(evidence.design, columns=short))
    result = LateCosts().run(one_day)
    assert result.status is Status.DID_NOT_RUN
    assert "3 needed" in result.finding
    nothing = replace(evidence.design, y=np.zeros_like(evidence.design.y))
    assert LateCosts().run(replace(evidence, design=nothing)).status is Status.DID_NOT_RUN


def _study(**keys: object) -> wi.Study:
    rng = np.random.default_rng(0)
    n = 1_200
    frame = pd.DataFrame(
        {
            "session": range(n),
            "arm": rng.choice(["off", "on"], n),
            "at": pd.Timestamp("2026-10-01") + pd.to_timedelta(np.arange(n) % 30, unit="D"),
            "cost": rng.exponential(size=n),
        }
    )
    base: dict[str, object] = {
        "unit": "session",
        "time": "at",
        "treatment": {"column": "arm", "control": "off"},
        "design": {"kind": "experiment", "probability": {"off": 0.5, "on": 0.5}},
        "outcomes": [{"column": "cost", "kind": "cost", "better": "lower"}],
    }
    return wi.study(frame, name="ages", **(base | keys))


def test_only_matured_rows_count_and_the_others_are_counted() -> None:
    answer = json.loads(_study(maturity="14d").run(quick=True).json)
    told = {notice["code"]: notice for notice in answer["notices"]}
    assert "560 of 1,200 units are younger on 2026-10-30" in str(told["not_matured"])
    assert answer["data"]["units"] == 640
    assert answer["data"]["days"] == 16


def test_nothing_old_enough_is_an_error() -> None:
    with pytest.raises(wi.DataError, match="on 2026-10-30 none is as old as `maturity: 60d`"):
        _study(maturity="60d").run(quick=True)
