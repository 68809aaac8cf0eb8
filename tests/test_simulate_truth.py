"""The shipped truth, against independent draws, simulated logs and an all-knowing analyst."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from whatif.base.arrays import Floats, Ints
from whatif.simulate.assign import MODES
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.oracle import oracle
from whatif.simulate.truth import TruthRow, read_truth, truth_file
from whatif.simulate.truth.compute import PERS, draw_totals, truth_rows

Key = tuple[str, tuple[tuple[str, str], ...]]


class Estimate(NamedTuple):
    value: float
    clustered: float
    row: float


def truth(outcome: str, segment: tuple[tuple[str, str], ...] = ()) -> TruthRow:
    rows = read_truth("randomised")
    return next(r for r in rows if r.outcome == outcome and r.segment == segment)


def effects(arms: Floats, weight: Floats, cluster: Ints) -> dict[str, Estimate]:
    """Differences expanded - folded of weighted means of arms (n, 2, 2), and of their ratio."""
    total = weight.sum(axis=0)
    theta = (arms * weight[:, :, None]).sum(axis=0) / total[:, None]
    psi = weight[:, :, None] * (arms - theta) / total[:, None]
    ratio = theta[:, 1] / theta[:, 0]
    psi_ratio = (psi[:, :, 1] - ratio * psi[:, :, 0]) / theta[:, 0]
    out = {}
    for name, value, influence in (
        ("converted", theta[:, 0], psi[:, :, 0]),
        ("shipping_cost", theta[:, 1], psi[:, :, 1]),
        ("cost_per_order", ratio, psi_ratio),
    ):
        change = influence[:, 1] - influence[:, 0]
        sums = np.bincount(cluster, weights=change)
        out[name] = Estimate(
            float(value[1] - value[0]),
            float((sums**2).sum() ** 0.5),
            float((change**2).sum() ** 0.5),
        )
    return out


def outcomes(log: pd.DataFrame) -> tuple[Floats, Floats, Ints]:
    """Outcomes by arm (n, 2, 2), weights that tell who was in which arm (n, 2), customers."""
    y = log[["converted", "shipping_cost"]].to_numpy(dtype=np.float64)
    shown = (log["presentation"] == "expanded").to_numpy()
    weight = np.column_stack([~shown, shown]).astype(np.float64)
    return np.stack([y, y], axis=1), weight, np.asarray(pd.factorize(log["customer_id"])[0])


def people(sessions: int, seed: int, mode: str) -> pd.DataFrame:
    log = simulate_checkout(sessions, seed=seed, mode=mode)  # type: ignore[arg-type]
    return log[~log["is_bot"]].reset_index(drop=True)


def oracle_effects(log: pd.DataFrame) -> dict[str, Estimate]:
    y, weight, cluster = outcomes(log)
    known = oracle(log)
    chance = np.column_stack([1 - known.propensity, known.propensity])
    score = known.mean + (weight / chance)[:, :, None] * (y - known.mean)
    return effects(score, np.ones_like(weight), cluster)


def test_every_mode_ships_its_table_with_ten_million_sessions_behind_it() -> None:
    by_mode = {mode: read_truth(mode) for mode in MODES}
    assert by_mode["randomised"] == by_mode["srm"] == by_mode["confounded"]
    assert by_mode["by-customer"][:54] == by_mode["randomised"]
    assert len(by_mode["by-customer"]) == 3 * 54
    for mode in MODES:
        assert json.loads(truth_file(mode).read_text())["draw"]["sessions"] >= 10_000_000
        assert all(r.difference.mc_error < 0.0005 * r.folded.value for r in by_mode[mode])


def test_truth_is_reproduced_by_an_independent_draw() -> None:
    shipped = {(r.per, r.segment, r.outcome): r for r in read_truth("by-customer")}
    totals = draw_totals(80_000, seed=99)
    z = []
    for per in PERS:
        for row in truth_rows(totals[per], per):
            other = shipped[row.per, row.segment, row.outcome]
            for name in ("share", "folded", "expanded", "difference"):
                a, b = getattr(row, name), getattr(other, name)
                if row.segment or name != "share":
                    z.append((a.value - b.value) / (a.mc_error**2 + b.mc_error**2) ** 0.5)
    assert len(z) == 3 * 54 * 4 - 9
    assert np.abs(z).max() < 4.5
    assert 0.6 < np.std(z) < 1.4


def test_stated_error_is_the_spread_of_repeated_draws() -> None:
    draws = [truth_rows(draw_totals(2_000, seed=s)["session"], "session")[0] for s in range(40)]
    spread = np.std([d.difference.value for d in draws], ddof=1)
    stated = np.mean([d.difference.mc_error for d in draws])
    assert spread == pytest.approx(stated, rel=0.35)


def test_shares_add_up_and_segments_average_to_the_whole() -> None:
    rows = [r for r in read_truth("confounded") if r.outcome == "shipping_cost"]
    for columns in (("urbanicity",), ("device",), ("urbanicity", "device")):
        parts = [r for r in rows if tuple(c for c, _ in r.segment) == columns]
        assert sum(r.share.value for r in parts) == pytest.approx(1, abs=1e-12)
        mean = sum(r.share.value * r.difference.value for r in parts)
        assert mean == pytest.approx(rows[0].difference.value, abs=1e-12)


def test_the_question_has_the_answer_the_story_needs() -> None:
    mobile, desktop = (("device", "mobile"),), (("device", "desktop"),)
    assert 0.010 < truth("converted").difference.value < 0.014
    assert 0.32 < truth("converted").folded.value < 0.34
    assert 0.017 < truth("converted", mobile).difference.value < 0.022
    assert 0.001 < truth("converted", desktop).difference.value < 0.003
    assert -0.25 < truth("cost_per_order").difference.value < -0.05
    assert 0 < truth("shipping_cost").difference.value < 0.02 * 2.5 * 1.2
    remote = (("urbanicity", "remote_rural"), ("device", "mobile"))
    dense = (("urbanicity", "dense_urban"), ("device", "mobile"))
    far, near = truth("converted", remote), truth("converted", dense)
    assert far.difference.value > 1.5 * near.difference.value


def test_randomised_differences_agree_with_truth_everywhere() -> None:
    log = people(400_000, seed=21, mode="randomised")
    y, weight, cluster = outcomes(log)
    z = []
    for segment in dict.fromkeys(r.segment for r in read_truth("randomised")):
        inside = np.ones(len(log), dtype=bool)
        for column, level in segment:
            inside &= (log[column] == level).to_numpy()
        for name, found in effects(y[inside], weight[inside], cluster[inside]).items():
            z.append((found.value - truth(name, segment).difference.value) / found.clustered)
    assert len(z) == 54
    assert np.abs(z).max() < 4
    assert np.abs(z).mean() < 1.4


def test_by_customer_sums_agree_with_truth_per_customer() -> None:
    log = people(300_000, seed=22, mode="by-customer")
    first = log.groupby("customer_id")["started_at"].transform("min")
    in_window = log[log["started_at"] < first + pd.Timedelta(days=28)]
    sums = in_window.groupby("customer_id").agg(
        converted=("converted", "sum"),
        shipping_cost=("shipping_cost", "sum"),
        presentation=("presentation", "first"),
        first=("started_at", "min"),
    )
    rows = {(r.per, r.outcome): r for r in read_truth("by-customer") if not r.segment}
    full = sums[sums["first"] <= pd.Timestamp("2026-10-04", tz="UTC")]
    for per, frame in zip(PERS[1:], (sums, full), strict=True):
        y, weight, cluster = outcomes(frame.reset_index())
        for name, found in effects(y, weight, cluster).items():
            error = found.value - rows[per, name].difference.value
            assert abs(error) < 4 * found.clustered


def test_confounding_misleads_the_naive_difference_and_not_the_oracle() -> None:
    naive = effects(*outcomes(people(300_000, seed=23, mode="confounded")))
    adjusted = oracle_effects(people(60_000, seed=24, mode="confounded"))
    for name in ("converted", "shipping_cost", "cost_per_order"):
        right = truth(name).difference.value
        assert abs(naive[name].value - right) > 5 * naive[name].clustered
        assert abs(adjusted[name].value - right) < 4 * adjusted[name].clustered


def test_oracle_means_are_the_means_of_what_happens() -> None:
    log = people(100_000, seed=24, mode="randomised")
    y, weight, cluster = outcomes(log)
    mean = oracle(log).mean
    residual = (weight[:, :, None] * (y - mean)).sum(axis=1)
    order = np.argsort(mean[:, 0, 0])
    for rows in (*np.array_split(order, 8), np.flatnonzero(weight[:, 1])):
        for k in (0, 1):
            sums = np.bincount(cluster[rows], weights=residual[rows, k])
            assert abs(sums.sum()) < 4 * (sums**2).sum() ** 0.5


def test_clustered_errors_are_right_and_row_errors_too_small() -> None:
    found = [oracle_effects(people(20_000, seed=s, mode="confounded")) for s in range(100, 120)]
    for name in ("converted", "shipping_cost", "cost_per_order"):
        right = truth(name).difference.value
        clustered = np.array([(f[name].value - right) / f[name].clustered for f in found])
        assert abs(clustered.mean()) < 0.85
        assert 0.6 < np.sqrt((clustered**2).mean()) < 1.45
    for name in found[0]:
        assert np.mean([f[name].clustered / f[name].row for f in found]) > 1.2


@pytest.mark.slow
def test_row_errors_fail_the_coverage_test_that_clustered_errors_pass() -> None:
    found = [oracle_effects(people(20_000, seed=s, mode="confounded")) for s in range(1000, 1400)]
    for name in found[0]:
        miss = np.array([f[name].value - truth(name).difference.value for f in found])
        clustered, row = np.array([[f[name].clustered, f[name].row] for f in found]).T
        assert (np.abs(miss) < 1.96 * clustered).mean() >= 0.92
        assert (np.abs(miss) < 1.96 * row).mean() < 0.90
