"""`make coverage` measures what it says, on draws few enough for every run of the suite."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.benchmarks import checkout_log, clustered, coverage
from tests.benchmarks.repeated_customers import (
    ARMS,
    CORRELATION,
    DEVICES,
    MONEY,
    ORDER_WORTH,
    URBANICITY,
    Covariates,
    draw,
    expanded_chance,
    order_chance,
    truth,
)
from tests.benchmarks.running import keep, sections
from whatif.base.arrays import Floats

REPLICATIONS = 36
FALSE_ALARM = 1e-3


def _covariates(frame: pd.DataFrame) -> Covariates:
    return Covariates(
        urbanicity=pd.Categorical(frame["urbanicity"], categories=list(URBANICITY)).codes.astype(
            np.int64
        ),
        mobile=(frame["device"] == DEVICES[1]).to_numpy(),
        member=frame["is_member"].to_numpy(),
        cart=((np.log(frame["cart_value"]) - 3.4) / 0.6).to_numpy(),
    )


def _clustered_error(values: Floats, customer: Floats) -> float:
    centred = values - values.mean()
    return float(np.sqrt((np.bincount(customer, weights=centred) ** 2).sum())) / values.size


def test_known_effects_equal_weighted_means_of_an_independent_draw() -> None:
    frame = draw(7, customers=150_000, sessions=600_000)
    chance = expanded_chance(_covariates(frame))
    shown = (frame["presentation"] == ARMS[1]).to_numpy()
    customer = frame["customer_id"].to_numpy()
    weight = {0: ~shown / (1 - chance), 1: shown / chance}
    measured = {
        "converted": frame["converted"].to_numpy(),
        "shipping_cost": frame["shipping_cost"].to_numpy(),
    }
    measured[MONEY] = ORDER_WORTH * measured["converted"] - measured["shipping_cost"]
    known = truth()
    for metric, y in measured.items():
        for segment in [(), (("urbanicity", "country"), ("device", "mobile"))]:
            inside = np.ones(len(frame), dtype=np.bool_)
            for name, level in segment:
                inside &= (frame[name] == level).to_numpy()
            value = known[metric, segment]
            for arm, mean in enumerate([value.folded, value.folded + value.difference]):
                found = (weight[arm] * y)[inside]
                error = _clustered_error(found, customer[inside])
                assert abs(found.mean() - mean) < 4 * error, (metric, segment, arm)
                assert error < 0.02 * abs(mean)
    ratio = known["cost_per_order", ()]
    cost, orders = known["shipping_cost", ()], known["converted", ()]
    assert ratio.folded == pytest.approx(cost.folded / orders.folded)


def test_orders_of_one_customer_correlate_as_declared_given_covariates() -> None:
    frame = draw(8, customers=150_000, sessions=600_000)
    x, shown = _covariates(frame), (frame["presentation"] == ARMS[1]).to_numpy()
    chance = np.where(shown, order_chance(x, expanded=True), order_chance(x, expanded=False))
    residual = (frame["converted"].to_numpy() - chance) / np.sqrt(chance * (1 - chance))
    customer = frame["customer_id"].to_numpy()
    sums, squares = (np.bincount(customer, weights=residual**power) for power in (1, 2))
    sizes = np.bincount(customer)
    pairs = (sizes * (sizes - 1)).sum()
    assert (sums**2 - squares).sum() / pairs == pytest.approx(CORRELATION, abs=0.012)
    assert len(sizes) == 150_000
    assert sizes.min() == 1


def test_intervals_cover_and_independent_errors_are_too_short() -> None:
    """Four intervals over 36 draws: a sound engine fails this test with a chance below 1e-3."""
    spec = clustered.study().model_copy(
        update={"segments": (("urbanicity",),), "learners": ("glm",)}
    )
    work = partial(clustered.replicate, spec=spec)
    draws = pd.DataFrame([one for seed in range(REPLICATIONS) for one in work(seed)])
    by = draws.groupby("quantity", sort=False)
    watched = [f"{name} · everyone" for name in ("converted", "shipping_cost", "cost_per_order")]
    watched.append(f"{MONEY} · everyone")
    fewest = int(stats.binom.ppf(FALSE_ALARM / len(watched), REPLICATIONS, 0.95))
    assert stats.binom.cdf(fewest - 1, REPLICATIONS, 0.95) < FALSE_ALARM / len(watched)
    assert fewest >= 27  # the limit bites: three quarters are not enough
    assert (by["covered"].sum()[watched] >= fewest).all()
    assert (by.size()[watched] == REPLICATIONS).all()
    assert (by["widening"].mean()[watched] > 1.15).all()
    assert by["z"].mean()[watched].abs().max() < 4 / np.sqrt(REPLICATIONS)
    assert len(clustered.band_table(draws)) == 6
    assert set(clustered.interval_table(draws)["kind"]) == {
        "average", "relative lift", "segment", MONEY,
    }  # fmt: skip


def test_a_verdict_says_what_was_asked_and_how_often_a_sound_engine_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)

    def draws(replications: int, *, cover: float) -> pd.DataFrame:
        hit = rng.random(replications) < cover
        return pd.DataFrame(
            {
                "seed": range(replications),
                "kind": "average",
                "quantity": "converted · everyone",
                "family": "converted · overall",
                "z": 0.0,
                "covered": hit,
                "in_band": hit,
                "alone_covered": rng.random(replications) < 0.85,
                "alone_in_band": 0.0,
                "widening": 1.3,
            }
        )

    monkeypatch.setattr(clustered, "run", partial(draws, cover=0.95))
    sound = clustered.section(4_000)
    assert sound.startswith("**Met.** Intervals cover 0.9")
    assert "1 of 1 intervals fall below .930" in sound
    assert "passes with a chance of at least 1.000000" in sound
    monkeypatch.setattr(clustered, "run", partial(draws, cover=0.90))
    assert clustered.section(4_000).startswith("**Not met.**")


def test_one_replication_compares_every_shown_effect_with_its_truth() -> None:
    draws = pd.DataFrame(checkout_log.replicate(0, sessions=6_000, workers=1))
    assert {"converted · everyone", "cost_per_order · mobile"} <= set(draws["quantity"])
    wider = draws["z_independent"] / draws["z"]  # clustered error over independent error
    assert (wider.iloc[:3] > 1.1).all()
    assert wider.mean() > 1.1
    assert np.isfinite(draws[["z", "z_independent", "z_naive"]].to_numpy()).all()
    cover, bias = checkout_log.coverage_table(draws), checkout_log.bias_table(draws)
    assert set(cover.columns) >= {"quantity", "interval", "independent errors"}
    assert len(bias) == len(draws)
    assert checkout_log.study().design.kind == "observational"


@pytest.fixture
def fake_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part ``looks``, measured by a module that counts."""
    module = ModuleType("tests.benchmarks.counting", "Counts.")
    module.run = lambda replications: pd.DataFrame({"counted": [replications]})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests.benchmarks.counting", module)
    part = replace(coverage.PARTS["looks"], module="counting")
    monkeypatch.setitem(coverage.PARTS, "looks", part)


def test_a_part_is_measured_alone_and_the_other_tables_stay(
    tmp_path: Path, fake_part: None, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "COVERAGE.md"
    keep(page, head="# Old", order=["Small data"], measured={"Small data": "| kept |"})
    coverage.main(["--only", "looks", "--replications", "3"], results=page)
    found = sections(page.read_text(encoding="utf-8"))
    assert list(found) == ["Looking every week", "Small data"]
    assert found["Small data"] == "| kept |"
    measured = found["Looking every week"]
    assert measured.startswith("Counts.\n\n3 replications.\n\n| counted |\n|---|\n| 3 |")
    assert "Measured on " in measured
    assert "whatif " in measured
    assert "looks: 0.0 minutes" in capsys.readouterr().out


def test_a_missing_part_stops_the_run_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_part: None
) -> None:
    gone = replace(coverage.PARTS["bounds"], module="nowhere")
    monkeypatch.setitem(coverage.PARTS, "bounds", gone)
    with pytest.raises(SystemExit, match=r"'Bounds on .*' cannot be measured: .*nowhere"):
        coverage.main(["--only", "looks", "bounds"], results=tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()
