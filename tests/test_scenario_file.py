"""Scenario files: which cells they hold, and what sliders say, against direct arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import sheet_cases as cases
from whatif.base.arrays import Floats
from whatif.contract.spec import ValueSpec
from whatif.effects.bands import t_critical
from whatif.effects.money import money
from whatif.effects.table import effect_rows
from whatif.scenarios.sheet.build import About, rollout_critical, sheet_of
from whatif.scenarios.sheet.critical import span_critical
from whatif.scenarios.sheet.evaluate import Result, State, base_state, evaluate
from whatif.scenarios.sheet.record import MOST_BYTES, Sheet
from whatif.scenarios.sheet.text import decode, encode
from whatif.scores.record import Scores


def _known(number: float | None) -> float:
    assert number is not None
    return number


def _by_name(file: Sheet, state: State) -> dict[str, Result]:
    return {one.name: one for one in evaluate(file, state).results}


def test_the_declared_scenario_is_what_the_page_says_of_everyone() -> None:
    scores, spec = cases.scored(), cases.study()
    means, rows = effect_rows(scores, spec)
    file = sheet_of(means, spec, cases.ABOUT)
    assert file is not None
    assert len(file.cells) == 6
    made = evaluate(file, base_state(file))
    assert not made.chosen_after_looking
    for result, row, units in zip(made.results, rows.effects, (5e4, 5e4, 1.0), strict=False):
        assert row.estimate is not None
        assert row.std_error is not None
        assert result.name == row.outcome
        assert result.estimate == pytest.approx(units * row.estimate, rel=1e-12)
        assert result.std_error == pytest.approx(units * row.std_error, rel=1e-11)
        assert result.low == pytest.approx(units * _known(row.ci[0]), rel=1e-10)
    value = ValueSpec.model_validate(cases.VALUE)
    worth = money(means, value, arm=1, per_month=5e4, level=0.95)
    profit = made.results[-1]
    assert profit.estimate == pytest.approx(worth.estimate, rel=1e-12)
    assert (profit.low, profit.high) == pytest.approx(worth.ci, rel=1e-11)
    assert made.break_even is not None
    assert worth.break_even is not None
    assert made.break_even.value == pytest.approx(worth.break_even.value, rel=1e-12)
    assert made.break_even.ends == pytest.approx(worth.break_even.ends, rel=1e-11)


@pytest.mark.parametrize(("arms", "target"), [(2, False), (3, True)])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_error_of_profit_is_the_direct_clustered_one(
    arms: int, target: bool, seed: int
) -> None:
    """Ruling 6: to 1e-12 before encoding, to 1e-5 from the published float32."""
    scores = cases.scored(arms=arms, target=target)
    file = cases.sheet(arms, target=target)
    state = cases.random_state(file, seed, mixed=False)
    value, error = cases.direct(scores, _net(file, scores, state), scores.mass)
    value, error = _known(state.units) * value, _known(state.units) * error
    profit = _by_name(file, state)["profit"]
    assert profit.estimate == pytest.approx(value, rel=1e-12)
    assert profit.std_error == pytest.approx(error, rel=1e-12)
    published = _by_name(decode(encode(file)), state)["profit"]
    assert published.std_error == pytest.approx(error, rel=1e-5)
    assert abs(_known(published.estimate) - value) < 1e-5 * error


def _net(file: Sheet, scores: Scores, state: State) -> Floats:
    """Return the profit of every unit under a state without a mix."""
    moved = state.rollout.copy()
    moved[:, 0] -= 1
    mine = moved[cases.cell_codes(file, scores)]
    worth = state.per * state.factor
    return np.asarray(
        np.einsum("na,nak,k->n", mine, scores.gamma, worth) - mine @ state.arm_cost * scores.mass
    )


def test_orders_and_cost_move_together_and_leaving_that_out_shows() -> None:
    file = cases.sheet()
    state = base_state(file)
    apart = file.covariance.copy()
    kind = np.arange(file.theta.size) % 2
    apart[: kind.size, : kind.size][kind[:, None] != kind[None, :]] = 0.0
    whole, split = (
        _by_name(one, state)["profit"].std_error for one in (file, replace(file, covariance=apart))
    )
    assert whole is not None
    assert split is not None
    assert split > 1.05 * whole


@pytest.mark.parametrize("column", [0, 1])
def test_another_mix_weighs_levels_exactly(column: int) -> None:
    scores, file = cases.scored(arms=3, target=True), cases.sheet(3, target=True)
    state = replace(cases.random_state(file, 5, mixed=False), mix=None)
    levels = file.columns[column][1]
    wanted = np.arange(1.0, len(levels) + 1) / sum(range(1, len(levels) + 1))
    net, level = _net(file, scores, state), scores.columns[file.columns[column][0]]
    weight = scores.weight
    psi, value = np.zeros(scores.n), 0.0
    for share, name in zip(wanted, levels, strict=True):
        inside = (level == name).to_numpy() * weight
        mean = inside @ net / (inside @ scores.mass)
        psi += share * inside * (net - mean * scores.mass) / (inside @ scores.mass)
        value += share * mean
    clusters = np.unique(scores.cluster).size
    sums = np.bincount(scores.cluster, psi)
    error = np.sqrt(clusters / (clusters - 1) * (sums**2).sum())
    profit = _by_name(file, replace(state, mix=(column, wanted)))["profit"]
    assert profit.estimate == pytest.approx(_known(state.units) * value, rel=1e-11)
    assert profit.std_error == pytest.approx(_known(state.units) * error, rel=1e-11)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), mixed=st.booleans(), arms=st.sampled_from([2, 3]))
def test_every_error_is_that_of_the_numeric_gradient(seed: int, mixed: bool, arms: int) -> None:
    file = cases.sheet(arms)
    state = cases.random_state(file, seed, mixed=mixed)
    size = file.theta.size
    point = np.concatenate([file.theta.ravel(), file.share])
    step = 1e-6

    def at(values: Floats) -> Floats:
        theta = values[:size].reshape(file.theta.shape)
        moved = replace(file, theta=theta, share=values[size:])
        return np.array([one.estimate for one in evaluate(moved, state).results])

    gradient = np.column_stack(
        [(at(point + step * e) - at(point - step * e)) / (2 * step) for e in np.eye(point.size)]
    )
    variance = ((gradient @ file.covariance) * gradient).sum(axis=1)
    errors = [one.std_error for one in evaluate(file, state).results]
    assert errors == pytest.approx(np.sqrt(variance), rel=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), mixed=st.booleans())
def test_units_prices_and_break_even_do_as_they_say(seed: int, mixed: bool) -> None:
    file = cases.sheet()
    state = cases.random_state(file, seed, mixed=mixed)
    once = _by_name(file, state)
    twice = _by_name(file, replace(state, units=2 * _known(state.units)))
    dearer = _by_name(file, replace(state, factor=state.factor * np.array([1.0, 3.0])))
    assert twice["profit"].estimate == pytest.approx(2 * _known(once["profit"].estimate))
    assert twice["cost_per_order"] == once["cost_per_order"]
    assert dearer["cost"].estimate == pytest.approx(3 * _known(once["cost"].estimate))
    assert dearer["cost_per_order"].low == pytest.approx(3 * _known(once["cost_per_order"].low))
    assert dearer["converted"] == once["converted"]
    even = evaluate(file, state).break_even
    assert even is not None
    assert even.value is not None
    there = replace(state, per=np.array([even.value, state.per[1]]))
    made = evaluate(file, there)
    assert abs(_known(made.results[-1].estimate)) < 1e-7 * _known(made.results[-1].std_error)
    assert made.break_even is not None
    assert made.break_even.value == pytest.approx(even.value)
    if even.kind == "interval":  # at its ends profit is just told from nothing
        for end in even.ends:
            edge = evaluate(file, replace(state, per=np.array([end, state.per[1]])))
            profit = edge.results[-1]
            assert abs(_known(profit.estimate)) == pytest.approx(
                _known(edge.critical) * _known(profit.std_error), rel=1e-6
            )


def test_the_control_for_everyone_changes_nothing_and_has_no_range() -> None:
    file = cases.sheet()
    base = base_state(file)
    none = np.zeros_like(base.rollout)
    none[:, 0] = 1.0
    for one in evaluate(file, replace(base, rollout=none)).results:
        assert (one.estimate, one.std_error, one.low, one.high) == (0.0, 0.0, None, None)


def test_ranges_widen_with_what_was_moved() -> None:
    file = cases.sheet()
    base = base_state(file)
    assert file.critical.declared == pytest.approx(t_critical(0.95, 2_000 - 1 - _unseen()))
    part = base.rollout.copy()
    part[0] = [0.5, 0.5]
    dearer = replace(base, factor=np.array([1.0, 1.2]))
    states = {
        "declared": [base, replace(base, units=9.0)],
        "prices": [dearer, replace(base, per=np.array([20.0, -1.0])),
                   replace(base, arm_cost=np.array([0.0, 0.1]))],
        "rollout": [replace(base, rollout=part), replace(dearer, rollout=part),
                    replace(base, mix=(1, np.array([0.2, 0.8])))],
    }  # fmt: skip
    for name, all_of in states.items():
        for state in all_of:
            made = evaluate(file, state)
            assert made.critical == getattr(file.critical, name)
            assert made.chosen_after_looking == (name != "declared")
    critical = file.critical
    assert critical.declared is not None
    assert critical.prices is not None
    assert critical.rollout is not None
    assert critical.declared < critical.prices < critical.rollout


def test_an_arm_picked_from_several_has_a_range_for_all_of_them() -> None:
    critical = cases.sheet(3).critical
    degrees = 2_000 - 1 - _unseen()
    assert critical.declared == span_critical(0.95, rank=2, df=degrees)
    assert critical.prices == span_critical(0.95, rank=4, df=degrees)


def _unseen() -> int:
    return 2_000 - np.unique(cases.scored().cluster).size


def test_a_ratio_without_orders_has_no_number() -> None:
    file = cases.sheet()
    theta = file.theta.copy()
    theta[:, 0, 0] = -1.0
    made = _by_name(replace(file, theta=theta), base_state(file))["cost_per_order"]
    assert (made.estimate, made.std_error, made.low) == (None, None, None)


def test_fewer_than_ten_clusters_in_an_arm_leave_no_range() -> None:
    scores = cases.scored()
    few = replace(scores, cluster=scores.cluster % 30)
    lone = np.where(few.cluster < 8, scores.arm, 0)
    spec = cases.study(segments=[])
    file = sheet_of(cases.means_of(replace(few, arm=lone), spec), spec, cases.ABOUT)
    assert file is not None
    assert file.df < 9
    assert file.critical.rollout is None
    made = evaluate(file, base_state(file))
    assert {one.low for one in made.results} == {None}
    assert made.break_even is None
    assert decode(encode(file)).critical == file.critical


def test_assigned_clusters_count_degrees_in_the_smallest_arm_of_the_smallest_cell() -> None:
    scores = replace(cases.scored(), clusters_assigned=True)
    means = cases.means_of(scores, cases.study())
    file = sheet_of(means, cases.study(), cases.ABOUT)
    assert file is not None
    own = list(means.cells.of_dimension(1))
    assert file.df == means.counts.arm_clusters[own].min() - 1
    student = t_critical(0.95, means.counts.arm_clusters[0].min() - 1)
    assert file.critical.declared == pytest.approx(student, rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "cells", "columns"),
    [
        ({}, 6, ["region", "device"]),
        ({"segments": ["device", "region"]}, 3, ["region"]),
        ({"segments": ["device"]}, 2, ["device"]),
        ({"segments": []}, 1, []),
    ],
)
def test_cells_are_the_finest_declared_ones(
    changes: dict[str, Any], cells: int, columns: list[str]
) -> None:
    spec = cases.study(**changes)
    file = sheet_of(cases.means_of(cases.scored(), spec), spec, cases.ABOUT)
    assert file is not None
    assert len(file.cells) == cells
    assert [name for name, _ in file.columns] == columns
    assert sum(file.n) == 6_000
    assert file.share.sum() == pytest.approx(1.0)


def test_one_cell_too_small_to_show_makes_all_cells_coarser() -> None:
    scores = cases.scored()
    rare = scores.columns["device"].mask(np.arange(scores.n) < 60, "rare")
    spec = cases.study()
    made = replace(scores, columns=scores.columns.assign(device=rare))
    file = sheet_of(cases.means_of(made, spec), spec, cases.ABOUT)
    assert file is not None
    assert [name for name, _ in file.columns] == ["region"]
    everyone = replace(scores, columns=scores.columns.assign(region=rare, device=rare))
    file = sheet_of(cases.means_of(everyone, spec), spec, cases.ABOUT)
    assert file is not None
    assert file.cells.shape == (1, 0)


def _many(outcomes: int, **changes: Any) -> Sheet | None:
    """A file of a study with more outcomes: the two known ones last but one and last."""
    names = [*(f"o{i}" for i in range(outcomes - 2)), "converted", "cost"]
    scores = cases.scored(regions=12, n=12_000)
    rng = np.random.default_rng(3)
    other = rng.normal(size=(scores.n, 2, outcomes - 2))
    spec = cases.study(
        outcomes=[{"column": name} for name in names],
        **{"segments": ["region"], **changes},
    )
    made = replace(
        scores,
        outcomes=tuple(names),
        gamma=np.concatenate([other, scores.gamma], axis=2),
        y=np.ones((scores.n, outcomes)),
    )
    return sheet_of(cases.means_of(made, spec), spec, cases.ABOUT)


def test_outcomes_that_nothing_needs_make_room_for_cells() -> None:
    file = _many(6)
    assert file is not None
    assert file.theta.shape == (12, 2, 4)
    assert file.outcomes == ("o0", "o1", "converted", "cost")  # o0 is the primary
    assert file.ratios[0].numerator == 3
    kept = _many(6, value={"currency": "USD", "per": {f"o{i}": 1.0 for i in range(4)}})
    assert kept is not None
    assert kept.theta.shape == (1, 2, 6)  # every outcome is worth something or part of a ratio


def test_the_file_of_24_segments_is_small_and_long_names_make_it_coarser() -> None:
    scores = cases.scored(16_000, customers=6_000, regions=6, devices=4)
    spec = cases.study()
    file = sheet_of(cases.means_of(scores, spec), spec, cases.ABOUT)
    assert file is not None
    assert file.theta.shape == (24, 2, 2)
    assert len(encode(file).encode()) <= MOST_BYTES
    simulated = rollout_critical(file, seed=1)
    assert simulated.rank == 48
    assert simulated.mc_error < 0.05
    assert file.critical.rollout == pytest.approx(simulated.critical, abs=5 * simulated.mc_error)
    assert t_critical(0.95, file.df) < simulated.critical < span_critical(0.95, rank=48, df=file.df)
    long = scores.columns.assign(region=scores.columns["region"] + "x" * 190)
    file = sheet_of(cases.means_of(replace(scores, columns=long), spec), spec, cases.ABOUT)
    assert file is not None
    assert file.theta.shape == (6, 2, 2)


def test_levels_keep_their_type_and_the_missing_one_comes_last() -> None:
    scores = cases.scored()
    zip_code = pd.Series(np.arange(scores.n) % 3).astype("Int64")
    zip_code = zip_code.mask(np.arange(scores.n) % 5 == 0)
    spec = cases.study(segments=["region"])
    made = replace(scores, columns=pd.DataFrame({"region": zip_code}))
    file = sheet_of(cases.means_of(made, spec), spec, cases.ABOUT)
    assert file is not None
    assert file.columns == (("region", (0, 1, 2, "(missing)")),)


def test_without_an_arm_or_an_error_there_is_nothing_to_ask() -> None:
    scores, spec = cases.scored(), cases.study(segments=[])
    alone = replace(scores, arm=np.zeros_like(scores.arm))
    assert sheet_of(cases.means_of(alone, spec), spec, cases.ABOUT) is None
    lump = replace(scores, cluster=np.zeros_like(scores.cluster))
    assert sheet_of(cases.means_of(lump, spec), spec, cases.ABOUT) is None
    huge = replace(scores, gamma=scores.gamma * 1e30)
    assert sheet_of(cases.means_of(huge, spec), spec, cases.ABOUT) is None


def test_a_study_without_value_has_no_profit() -> None:
    spec = cases.study(value=None)
    about = About(run_id="ab", as_of=None, arm=None, units=None, withheld=False)
    file = sheet_of(cases.means_of(cases.scored(), spec), spec, about)
    assert file is not None
    made = evaluate(file, base_state(file))
    assert [one.name for one in made.results] == ["converted", "cost", "cost_per_order"]
    assert made.break_even is None
    assert made.results[0].estimate == pytest.approx(
        1_000 * (file.share @ (file.theta[:, 1, 0] - file.theta[:, 0, 0]))
    )
