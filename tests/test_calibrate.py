"""`whatif calibrate`: truths are true, draws keep customers whole, shares mean what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from tests.builders import scores
from tests.report_cases import checkout_report
from whatif.base.arrays import Floats
from whatif.base.calibration import Calibration, calibration_json, calibration_of
from whatif.base.errors import DataError, EstimationError, UsageError
from whatif.base.rng import generator
from whatif.cli import app
from whatif.contract.study_file import study_from_mapping
from whatif.effects.calibration import share_error
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.report.html import render_html
from whatif.run import calibrate as command
from whatif.run.analysis import RunOptions, prepare
from whatif.run.assemble import Prepared
from whatif.run.calibrate_draws import Pool, draw, drawn_design
from whatif.run.calibrate_pool import fitted_means, pool_of
from whatif.run.calibration_file import stored_calibration
from whatif.scores.aipw import aipw_scores
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores

SCHEMA = Path(__file__).parents[1] / "data_schemas" / "calibration.v1.json"


def log(customers: int = 150, *, seed: int = 0, sessions: int = 4) -> pd.DataFrame:
    """Sessions of customers who differ: customers are assigned, orders alike, costs skewed."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(customers), 1 + rng.poisson(sessions - 1, customers))
    n = customer.size
    keen = rng.choice([0.1, 0.7], customers)[customer]
    converted = (rng.random(n) < keen).astype(int)
    device = rng.choice(["mobile", "desktop"], n)
    return pd.DataFrame(
        {
            "session_id": np.arange(n),
            "customer_id": customer,
            "arm": rng.choice(["old", "new"], customers)[customer],
            "converted": converted,
            "cost": converted * rng.lognormal(1.0, 1.0, n),
            "device": device,
        }
    )


def keys(**changes: object) -> dict[str, object]:
    base: dict[str, object] = {
        "study": "small",
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "customer_id",
        "treatment": {"column": "arm", "control": "old"},
        "design": {"kind": "experiment", "probability": {"old": 0.5, "new": 0.5}},
        "outcomes": [
            {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.05},
            {"column": "cost", "kind": "cost", "better": "lower"},
        ],
        "ratios": [{"name": "cost_per_order", "numerator": "cost", "denominator": "converted"}],
        "segments": ["device"],
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def prepared(frame: pd.DataFrame | None = None, **changes: object) -> Prepared:
    spec = study_from_mapping(keys(**changes), on_frame=True)
    rows = log() if frame is None else frame
    return prepare(spec, base=Path(), options=RunOptions(), frame=rows)


def pool(frame: pd.DataFrame | None = None, **changes: object) -> Pool:
    return pool_of(prepared(frame, **changes), None)


# Truth and draws.


def test_truth_is_what_the_rows_say_when_counted_another_way() -> None:
    made = pool()
    frame = log()
    twice = next(world for world in made.worlds if world.name == "twice")
    assert twice.truth["converted", 1, ()] == pytest.approx(0.1, rel=1e-12)
    orders = frame[frame["converted"] == 1]
    share = 0.1 / (1 - frame["converted"].mean())
    new = share * (1 - frame["converted"])
    for segment, part in [((), frame), *_devices(frame)]:
        conversion = part["converted"].mean() + new[part.index].mean()
        cost = part["cost"].mean() + new[part.index].mean() * orders["cost"].mean()
        assert twice.truth["converted", 1, segment] == pytest.approx(
            new[part.index].mean(), rel=1e-12
        )
        per_order = cost / conversion - part["cost"].mean() / part["converted"].mean()
        assert twice.truth["cost_per_order", 1, segment] == pytest.approx(per_order, rel=1e-12)
    nothing = made.worlds[0]
    assert set(nothing.truth.values()) == {0.0}


def _devices(frame: pd.DataFrame) -> list[tuple[tuple[tuple[str, str], ...], pd.DataFrame]]:
    return [((("device", name),), frame[frame["device"] == name]) for name in ("desktop", "mobile")]


def test_no_fold_splits_a_customer_and_copies_are_assigned_apart() -> None:
    made = pool()
    sample, rows = drawn_design(made, generator(0, "a draw"))
    original = made.design.cluster[rows]
    folds = pd.DataFrame({"original": original, "fold": sample.fold}).groupby("original")["fold"]
    assert (folds.min() == folds.max()).all()
    copies = pd.DataFrame({"original": original, "copy": sample.cluster, "arm": sample.arm})
    within = copies.groupby("copy")[["original", "arm"]]
    assert (within.min() == within.max()).all(axis=None)
    assert copies.groupby("original")["copy"].nunique().max() > 1
    assert (copies.groupby("original")["arm"].nunique() == 2).any()
    assert sample.intake.assigned.max() == sample.cluster.max()


def test_intervals_cover_the_pool_and_those_of_independent_rows_do_not() -> None:
    """Customers are assigned and alike: at 300 draws a sound engine passes 99.7 times of 100."""
    made = pool(log(sessions=6))
    covered: list[tuple[bool, bool]] = []
    for index in range(300):
        sample, rows = drawn_design(made, generator(1, f"draw {index}"))
        y = made.worlds[0].outcomes.drawn(rows, sample.arm, generator(2, f"draw {index}"))
        fit = fit_scores(replace(sample, y=y), rule=made.spec.overlap, seed=0, key="k", workers=1)
        apart = replace(fit, cluster=np.arange(fit.n))
        covered.append((_covers_zero(fit), _covers_zero(apart)))
    clustered, independent = np.mean(covered, axis=0)
    assert clustered == pytest.approx(0.95, abs=3 * share_error(285, 300))
    assert independent < 0.9


def _covers_zero(fit: Scores) -> bool:
    means = joint(fit, cut(fit.columns, ()))
    gradient: Floats = np.zeros(means.theta.shape)
    gradient[0, :, 0] = (-1.0, 1.0)
    difference = float(means.theta[0, 1, 0] - means.theta[0, 0, 0])
    return abs(difference) <= 1.976 * means.error(gradient.ravel())  # t of 149


def test_a_draw_reads_every_world_and_asks_every_check_and_fault() -> None:
    made = draw(pool(), 3)
    assert not made.failure
    assert {world for world, _ in made.hits} == {"nothing", "matters_from", "twice"}
    overall = [hit for _, hit in made.hits if not hit.dimension]
    assert all(hit.miss is not None for hit in overall)
    assert {word for _, outcome, _, word in made.readings if outcome == "converted"} <= {
        "better", "better_perhaps", "worse", "worse_perhaps", "not_clear_yet",
        "no_difference_that_matters",
    }  # fmt: skip
    planted = {name for name, fault, _ in made.alarms if fault != "nothing"}
    assert planted == {"sample_ratio", "two_arms", "missing_outcome"}


@pytest.fixture(scope="module")
def past() -> Calibration:
    """An observational study, confounded by age, with a real effect."""
    frame = log(200)
    rng = np.random.default_rng(5)
    frame["age"] = rng.normal(size=200)[frame["customer_id"]]
    likely = 1 / (1 + np.exp(-frame["age"]))
    frame["arm"] = np.where(rng.random(len(frame)) < likely, "new", "old")
    study = prepared(
        frame,
        design={"kind": "observational"},
        assigned=None,
        covariates=["age"],
        outcomes=[{"column": "converted", "kind": "binary"}, {"column": "cost", "kind": "cost"}],
        segments=None,
        learners=["glm"],
        folds=2,
    )
    return command.calibrate(study, RunOptions(), draws=10)


def test_an_observational_study_is_drawn_by_its_fitted_chances(past: Calibration) -> None:
    assert past.design == "observational"
    assert not past.failed
    assert [name for name, _ in past.planted] == ["nothing", "as_fitted"]
    assert not [row for row in past.alarms if row.check in {"sample_ratio", "two_arms"}]
    for row in past.coverage:
        assert row.bias is not None
        assert row.bias_error is not None
        assert abs(row.bias) < 4.5 * row.bias_error  # t of 9, six rows


def test_fitted_means_come_back_from_scores() -> None:
    rng = np.random.default_rng(0)
    y, arm = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    mean, chance = rng.normal(size=(50, 2, 2)), np.full((50, 2), 0.5)
    gamma = aipw_scores(y=y, arm=arm, mean=mean, propensity=chance)
    made = replace(scores(gamma, np.arange(50), pd.DataFrame(index=range(50))), y=y, arm=arm)
    assert fitted_means(made) == pytest.approx(mean)
    assert fitted_means(replace(made, target="att")) is None
    assert fitted_means(replace(made, repeats=np.zeros((2, 2, 2)))) is None


# Refusals.


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(DataError, match=r"Too few clusters to resample: old 3\d, new 3\d;"):
        pool(log(70))


def test_an_effect_that_cannot_be_planted_is_refused() -> None:
    outcomes = [{"column": "converted", "kind": "binary", "matters_from": 0.7}]
    with pytest.raises(DataError, match=r"An effect of 0\.7 on converted cannot be planted"):
        pool(outcomes=outcomes, ratios=[])


def test_without_a_smallest_effect_nothing_is_planted() -> None:
    outcomes = [{"column": "converted", "kind": "binary"}]
    assert [world.name for world in pool(outcomes=outcomes, ratios=[]).worlds] == ["nothing"]


def test_a_pipeline_that_never_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from whatif.run.calibrate_draws import Drawn

    monkeypatch.setattr(command, "draw", lambda _pool, _index: Drawn(failure="No arm."))
    with pytest.raises(EstimationError, match="None of 10 draws gave an answer; the first: No arm"):
        command.calibrate(prepared(), RunOptions(), draws=10)


def test_few_draws_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="9 draws were asked for"):
        command.calibrate_study(tmp_path, options=RunOptions(), out=tmp_path, draws=9)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "calibration.v1"}'])
def test_what_is_no_calibration_is_not_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"calibration.v1|Expecting value"):
        calibration_of(text)
    path = tmp_path / "calibration.json"
    path.write_text(text, encoding="utf-8")
    assert stored_calibration(path, "k") is None


# End to end.


@pytest.fixture(scope="module")
def made() -> Calibration:
    return command.calibrate(prepared(), RunOptions(), draws=10)


def test_equal_seeds_give_equal_bytes_and_json_comes_back(made: Calibration) -> None:
    text = calibration_json(made)
    assert calibration_of(text) == made
    assert calibration_json(command.calibrate(prepared(), RunOptions(), draws=10)) == text
    assert draw(pool(), 0) == draw(pool(), 0) != draw(pool(seed=1), 0)


@pytest.mark.slow
def test_processes_give_the_bytes_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    several = calibration_json(command.calibrate(prepared(), RunOptions(), draws=40))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert calibration_json(command.calibrate(prepared(), RunOptions(), draws=40)) == several


def test_the_page_shows_a_calibration_or_how_to_get_one(made: Calibration) -> None:
    without = render_html(checkout_report())
    assert "whatif calibrate, with the study file" in without
    study = [("nothing", 0.0), ("matters_from", 0.002), ("twice", 0.004)]
    shown = replace(
        made,
        planted=tuple(study),
        coverage=tuple(
            replace(row, arm="expanded") for row in made.coverage if row.outcome != "cost"
        ),
        readings=tuple(replace(row, arm="expanded") for row in made.readings),
    )
    page = render_html(checkout_report(calibration=shown))
    assert "10 times, 150 customers were drawn with replacement" in page
    assert "Planted 0.002" in page
    assert "band by device" in page
    from_past = render_html(checkout_report(calibration=replace(shown, design="observational")))
    assert "True if the measured covariates suffice" in from_past


def test_the_command_end_to_end(tmp_path: Path) -> None:
    frame = log()
    frame.to_csv(tmp_path / "log.csv", index=False)
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(keys(data={"source": "log.csv"})), encoding="utf-8")
    out = tmp_path / "out"
    plain = _command("run", study, "--out", out, "--quick", "--json")
    first = _command("calibrate", study, "--out", out, "--draws", 10, "--json")
    assert first["draws"] == 10
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    validator.validate(first)
    path = out / "small" / "calibration.json"
    assert json.loads(path.read_text("utf-8")) == first
    path.unlink()
    again = _command("calibrate", study, "--out", out, "--draws", 10, "--json")  # from the cache
    assert again == first
    shown = _command("run", study, "--out", out, "--quick", "--json")
    assert shown["run_id"] != plain["run_id"]
    folder = out / "small" / "runs" / str(shown["run_id"])
    assert "10 times, 150 customers" in (folder / "report.html").read_text("utf-8")
    assert (folder / "calibration.json").read_bytes() == path.read_bytes()
    frame.iloc[:-4].to_csv(tmp_path / "log.csv", index=False)
    later = _command("run", study, "--out", out, "--quick", "--json")
    page = out / "small" / "runs" / str(later["run_id"]) / "report.html"
    assert "whatif calibrate, with the study file" in page.read_text("utf-8")


def _command(*args: object) -> dict[str, object]:
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))
