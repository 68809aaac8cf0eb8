"""Effects carried to another population: the study key, the table, the answer, its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import whatif as wi
from whatif.base.errors import DataError, EstimationError, UsageError
from whatif.contract.schemas import load_schema
from whatif.contract.study_file import study_from_mapping
from whatif.contract.transport import TargetTable, read_targets
from whatif.design.record import Design
from whatif.design.transport import TargetRows, target_rows
from whatif.effects.bands import t_critical
from whatif.run.analysis import RunOptions, design_of_frame, prepare

KEYS: dict[str, Any] = {
    "unit": "session",
    "cluster": "customer",
    "assigned": "session",
    "treatment": {"column": "arm", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [{"column": "y", "role": "primary"}, {"column": "cost", "kind": "cost"}],
    "ratios": [{"name": "y per cost", "numerator": "y", "denominator": "cost"}],
    "covariates": ["x", "device"],
    "learners": ["glm"],
    "folds": 2,
}


def _log(n: int = 1_200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, device = rng.normal(size=n), rng.choice(["desktop", "mobile"], n, p=[0.7, 0.3])
    arm = rng.choice(["folded", "expanded"], n)
    y = x + (arm == "expanded") * (0.5 + 0.5 * x) + 0.5 * rng.normal(size=n)
    return pd.DataFrame(
        {
            "session": np.arange(n),
            "customer": rng.integers(0, n // 2, n),
            "arm": arm,
            "y": y,
            "cost": 3.0 + rng.random(n),
            "x": x,
            "device": device,
        }
    )


def _there(n: int = 500, seed: int = 1, **changes: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    device = rng.choice(["desktop", "mobile"], n)
    return pd.DataFrame({"x": rng.normal(0.5, 1, n), "device": device}).assign(**changes)


def _prepared(tmp_path: Path, there: pd.DataFrame, **keys: Any) -> Any:
    there.to_parquet(tmp_path / "there.parquet")
    entry = {"name": "prime_day", "source": "there.parquet", **keys.pop("entry", {})}
    spec = study_from_mapping({**KEYS, "transport": [entry], **keys}, on_frame=True)
    return prepare(spec, base=tmp_path, options=RunOptions(), frame=_log())


def _study(tmp_path: Path, *tables: tuple[str, pd.DataFrame], **keys: Any) -> wi.Study:
    for name, table in tables:
        table.to_parquet(tmp_path / f"{name}.parquet")
    entries = [{"name": name, "source": str(tmp_path / f"{name}.parquet")} for name, _ in tables]
    return wi.study(_log(), **{**KEYS, "transport": entries, **keys})


# ---- the study key


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transport": [{"name": "a", "source": "1"}, {"name": "a", "source": "2"}]}, "'a' twice"),
        ({"transport": [{"name": "a"}]}, r"transport\.0\.source is missing"),
        ({"transport": [{"name": "a", "source": "1", "arm": "b"}]}, "not a known key"),
        ({"transport": [{"name": "a", "source": "1", "where": "y > 1"}]}, "filters on 'y'"),
        ({"transport": [{"name": "a", "source": "1", "where": "x >"}]}, "the filter ends"),
        ({"covariates": []}, "has no covariates"),
        ({"target": "att"}, "target 'att'.*not who of them would have got an arm"),
        ({"target": "overlap"}, "target 'overlap'"),
    ],
)
def test_a_study_file_that_cannot_be_followed_is_refused(
    changes: dict[str, Any], says: str
) -> None:
    keys = {**KEYS, "transport": [{"name": "a", "source": "there.parquet"}], **changes}
    with pytest.raises(UsageError, match=says):
        study_from_mapping(keys, on_frame=True)


# ---- the table


def _broken(case: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    there = _there()
    customer = pd.Series(np.arange(500.0)).where(lambda at: at > 2)
    return {
        "column": (there.drop(columns="device"), {}),
        "filter column": (there, {"entry": {"where": "country = 'NL'"}}),
        "empty": (there.head(0), {}),
        "filtered": (there, {"entry": {"where": "device = 'fridge'"}}),
        "number": (there.assign(device=1), {}),
        "words": (there.assign(x="much"), {}),
        "infinite": (there.assign(x=np.inf), {}),
        "file": (there, {"entry": {"source": "nowhere.parquet"}}),
        "cluster": (there.assign(customer=customer), {}),
    }[case]


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("column", "transport 'prime_day' has no column 'device'"),
        ("filter column", "transport 'prime_day' has no column 'country'"),
        ("empty", r"there\.parquet is empty"),
        ("filtered", "`device = 'fridge'` leaves no row of transport 'prime_day'"),
        ("number", "'device' of transport 'prime_day' holds numbers; in the study it holds words"),
        ("words", "'x' of transport 'prime_day' holds words; in the study it holds numbers"),
        ("infinite", "'x' of transport 'prime_day' has 500 infinite values"),
        ("file", r"There is no file 'nowhere\.parquet'"),
        ("cluster", "has 3 rows without 'customer'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, case: str, says: str) -> None:
    there, keys = _broken(case)
    with pytest.raises(DataError, match=says):
        _prepared(tmp_path, there, **keys)


def test_a_weight_that_is_not_positive_is_refused(tmp_path: Path) -> None:
    there = _there(stands_for=0.0)
    there.to_parquet(tmp_path / "there.parquet")
    spec = study_from_mapping(
        {**KEYS, "weights": "stands_for", "transport": [{"name": "a", "source": "there.parquet"}]},
        on_frame=True,
    )
    log = _log().assign(stands_for=1.0)
    with pytest.raises(DataError, match="'stands_for' is missing, not a number, infinite, 0 or"):
        prepare(spec, base=tmp_path, options=RunOptions(), frame=log)


def test_a_filter_on_what_the_contract_calls_later_is_refused(tmp_path: Path) -> None:
    schema = load_schema("checkout_sessions.v1")
    entry = {"name": "a", "source": "there.parquet", "where": "converted = 1"}
    spec = study_from_mapping({**KEYS, "transport": [entry]}, on_frame=True)
    with pytest.raises(UsageError, match=r"'converted', which checkout_sessions\.v1 does not"):
        read_targets(spec, base=tmp_path, covariates=("x",), schema=schema)


def test_models_without_a_covariate_carry_nothing() -> None:
    spec = study_from_mapping({**KEYS, "covariates": []}, on_frame=True)
    table = TargetTable(name="prime_day", shown="", frame=_there())
    with pytest.raises(UsageError, match="models read no covariate"):
        target_rows(table, spec, design_of_frame(spec, _log()), ids=None)


# ---- the codes of the study


def _rows(frame: pd.DataFrame, there: pd.DataFrame) -> tuple[Design, TargetRows]:
    names = ["x", "device", "member", "since"]
    spec = study_from_mapping({**KEYS, "covariates": names}, on_frame=True)
    design = design_of_frame(spec, frame)
    table = TargetTable(name="there", shown="", frame=there)
    return design, target_rows(table, spec, design, ids=frame["customer"])


def _wide(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    log = _log(60, seed)
    hours = pd.to_timedelta(rng.integers(0, 90 * 24, 60), "h")
    since = pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + hours)
    return log.assign(
        member=rng.random(60) < 0.5,
        since=since.where(pd.Series(rng.random(60)) < 0.9),
        device=log["device"].where(rng.random(60) < 0.9),
        x=log["x"].where(rng.random(60) < 0.9),
    )


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_studys_own_rows_get_the_studys_own_codes(seed: int) -> None:
    frame = _wide(seed)
    part = frame.sample(25, random_state=seed)
    design, made = _rows(frame, part)
    ours = design.features.take(part.index.to_numpy()).values  # noqa: PD011
    np.testing.assert_allclose(made.covariates, ours, rtol=1e-6)
    np.testing.assert_array_equal(made.cluster, design.cluster[part.index])
    np.testing.assert_array_equal(made.fold, design.fold[part.index])
    assert not made.unseen.any()
    assert made.levels == ()


def test_levels_and_gaps_that_the_study_never_saw_are_counted() -> None:
    frame = _wide(3)
    frame["x"] = frame["x"].fillna(0.0)
    there = frame.head(10).copy()
    there.loc[[0, 1], "device"] = "fridge"
    there.loc[[1, 2], "x"] = np.nan
    _, made = _rows(frame, there)
    assert made.levels == (("x", 2), ("device", 2))
    assert np.flatnonzero(made.unseen).tolist() == [0, 1, 2]
    assert np.isnan(made.covariates[0, 1])


def test_customers_that_the_study_does_not_know_get_codes_of_their_own() -> None:
    frame = _wide(4)
    there = frame.head(4).assign(customer=[frame["customer"][0], 10_001, 10_002, 10_001])
    design, made = _rows(frame, there)
    first = int(design.cluster.max()) + 1
    assert made.cluster.tolist() == [design.cluster[0], first, first + 1, first]
    _, alone = _rows(frame, there.drop(columns="customer"))
    assert alone.cluster.tolist() == [first, first + 1, first + 2, first + 3]


# ---- the answer


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> wi.Answer:
    folder = tmp_path_factory.mktemp("transport")
    odd = _there(1_000)
    odd.loc[:4, "device"] = "fridge"
    tables = (
        ("prime_day", _there()),
        ("odd", odd),
        ("strange", _there(device=["fridge"] * 50 + ["mobile"] * 450)),
        ("far", _there().assign(x=lambda t: t["x"] + 4)),
        ("tiny", _there(8)),
    )
    return _study(folder, *tables).run(quick=True, out=folder / "reports")


def test_an_answer_lists_its_populations(answer: wi.Answer) -> None:
    listed = {one.name: one for one in answer.transport()}
    assert {name: one.refused for name, one in listed.items()} == {
        "prime_day": None,
        "odd": None,
        "strange": "outside",
        "far": "few_clusters",
        "tiny": "small_target",
    }
    assert 100 < listed["prime_day"].effective < 500
    assert listed["odd"].outside == pytest.approx(0.005)
    assert listed["tiny"].effective is None


def test_every_outcome_and_ratio_has_an_effect_and_the_sentence_says_what_must_hold(
    answer: wi.Answer,
) -> None:
    made = answer.transport("prime_day")
    rows = list(made)
    assert [row.outcome for row in rows] == ["y", "cost", "y per cost"]
    low, high = rows[0].ci
    assert low < 0.75 < high
    assert high - low == pytest.approx(2 * t_critical(0.95, rows[0].df) * rows[0].std_error)
    assert rows[0].df == int(rows[0].effective) - 1
    assert "units with the same x and device respond alike in the study and in prime_day" in (
        made.note
    )
    assert "500 rows (500 clusters), each counted once" in made.note
    assert "prime_day" in made._repr_html_()


def test_a_few_rows_like_nobody_are_counted_and_stay_in(answer: wi.Answer) -> None:
    assert "5 with a value of device never seen in the study" in answer.transport("odd").note
    notices = {one["code"]: one for one in json.loads(answer.json)["notices"]}
    assert "5 with a value of device never seen" in str(notices["transport_outside"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("strange", "10.0 % of it is like nobody in the study"),
        ("far", "the study's units count as .* clusters, fewer than 100"),
        ("tiny", "its table has 8 clusters"),
    ],
)
def test_what_could_not_be_carried_says_why_and_the_run_goes_on(
    answer: wi.Answer, name: str, says: str
) -> None:
    with pytest.raises(EstimationError, match=says):
        answer.transport(name)
    notices = [one for one in json.loads(answer.json)["notices"] if name in str(one)]
    assert [one["code"] for one in notices] == ["transport_refused"]


def test_an_unknown_population_is_refused(answer: wi.Answer) -> None:
    with pytest.raises(UsageError, match="did you mean 'prime_day'"):
        answer.transport("prim_day")


def test_without_populations_there_is_nothing_to_ask(tmp_path: Path) -> None:
    bare = _study(tmp_path).run(quick=True)
    assert len(bare.transport()) == 0
    with pytest.raises(UsageError, match="add `transport:"):
        bare.transport("prime_day")


def test_a_stored_run_answers_like_a_fresh_one(answer: wi.Answer) -> None:
    assert answer.folder is not None
    opened = wi.load(answer.folder)
    for name in (None, "prime_day", "odd"):
        pd.testing.assert_frame_equal(
            opened.transport(name).to_frame(), answer.transport(name).to_frame()
        )
    with pytest.raises(EstimationError, match="fewer than 100"):
        opened.transport("far")


def test_the_score_key_knows_the_table_and_nothing_else_moves_it(tmp_path: Path) -> None:
    spec = study_from_mapping(KEYS, on_frame=True)
    bare = prepare(spec, base=tmp_path, options=RunOptions(), frame=_log())
    one, again, other = (
        _prepared(tmp_path, table) for table in (_there(), _there(), _there(seed=2))
    )
    narrowed = _prepared(tmp_path, _there(), entry={"where": "x < 1"})
    keys = [made.score_key for made in (bare, one, other, narrowed)]
    assert len(set(keys)) == 4
    assert one.score_key == again.score_key
    assert bare.targets == ()
