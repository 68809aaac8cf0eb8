"""Why the estimate moved between two stored runs: the reasons, and the sentences beside them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import whatif as wi
from tests.changes_cases import (
    VERSIONS,
    first,
    kinds,
    rescored,
    rows_of,
    scores_in_time,
    sound,
    spec_of,
    store,
)
from whatif.base.errors import UsageError
from whatif.base.history import ChangeKind
from whatif.run.analysis import RunOptions
from whatif.run.changes import change_between
from whatif.run.diff import diff_runs
from whatif.run.job import Target, run_study
from whatif.simulate.checkout import simulate_checkout
from whatif.verdict import changes_wording as words

# ---- which reasons, and what is said


def test_new_rows_alone_are_mix_and_mechanism(tmp_path: Path) -> None:
    whole, spec = scores_in_time(), spec_of()
    before = store(tmp_path / "a", first(whole, 2_500), spec)
    change = sound(change_between(before, store(tmp_path / "b", whole, spec, data="2")))
    assert kinds(change) == ["mix", "mechanism"]
    assert (change.before, change.now) == ("a", "b")
    assert change.said[0] == "Of 4,000 sessions, 1,500 are new."
    assert change.said[1] == "Mix and effects are by region × device."
    assert change.ci[0] is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "att"},
        {"weights": "w"},
        {"segments": []},
        {"outcomes": [{"column": "converted"}, {"column": "cost", "role": "primary"}]},
    ],
)
def test_targets_weights_and_ratios_are_split_too(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    rng = np.random.default_rng(3)
    whole, spec = scores_in_time(), spec_of(**changes)
    whole = replace(
        whole,
        target=spec.target,
        mass=(whole.arm > 0).astype(float) if spec.target == "att" else np.ones(whole.n),
        weight=rng.uniform(0.5, 2.0, whole.n) if spec.weights else np.ones(whole.n),
    )
    before = store(tmp_path / "a", first(whole, 2_500), spec, arm="tabs")
    after = store(tmp_path / "b", whole, spec, data="2", arm="tabs")
    change = sound(change_between(before, after))
    assert kinds(change) == (["mix", "mechanism"] if spec.segments else ["new_data"])
    assert (words.NO_SEGMENTS in change.said) == (not spec.segments)


def test_a_ratio_can_be_the_primary_metric(tmp_path: Path) -> None:
    ratio = {"name": "per_order", "numerator": "cost", "denominator": "converted"}
    outcomes = [{"column": "converted"}, {"column": "cost"}]
    spec = spec_of(outcomes=outcomes, ratios=[ratio | {"role": "primary"}])
    whole = scores_in_time()
    before = store(tmp_path / "a", first(whole, 2_500), spec)
    change = sound(change_between(before, store(tmp_path / "b", whole, spec, data="2")))
    assert change.ci[0] is not None
    other = spec_of(
        outcomes=outcomes,
        ratios=[ratio | {"role": "primary", "numerator": "converted", "denominator": "cost"}],
    )
    turned = change_between(before, store(tmp_path / "c", whole, other, data="2"))
    assert turned.total is None
    assert turned.said[0] == words.unsplit_words("metric")


def test_each_reason_has_its_name(tmp_path: Path) -> None:
    whole = scores_in_time()
    before = store(tmp_path / "a", whole, spec_of())
    again = rescored(whole)
    data = change_between(before, store(tmp_path / "data", again, spec_of(), data="2"))
    assert kinds(sound(data)) == ["revised_data"]
    assert words.REFITTED in data.said
    code = change_between(before, store(tmp_path / "code", again, spec_of(), code="d"))
    assert kinds(sound(code)) == ["code"]
    assert code.said[:2] == (
        "Other code made the newer run, of the same version.", words.SAME_DATA,
    )  # fmt: skip
    newer = {**VERSIONS, "numpy": "2.2.0"}
    package = change_between(before, store(tmp_path / "v", again, spec_of(folds=3), versions=newer))
    assert kinds(sound(package)) == ["definition"]
    assert package.said[:2] == (
        "The study file asks for something else: folds (not set → 3).",
        "Other code made the newer run: numpy (2.1.0 → 2.2.0).",
    )
    both: tuple[ChangeKind, ...] = ("definition", "code")
    assert words.together_words(both, counted=False, rescored=True) in package.said


def test_another_rule_of_who_counts_is_told_from_other_scores(tmp_path: Path) -> None:
    whole = scores_in_time()
    before = store(tmp_path / "a", whole, spec_of())
    fewer = rescored(rows_of(whole, np.flatnonzero(whole.columns["device"] == "mobile")))
    data = {"source": "postgresql://ann:hush@db.example/shop#log", "where": "device == 'mobile'"}
    after = store(tmp_path / "b", fewer, spec_of(data=data), data="2")
    change = sound(change_between(before, after))
    assert kinds(change) == ["revised_data", "definition"]
    gone = whole.n - fewer.n
    assert (
        f"Of {fewer.n:,} sessions, none is new; {gone:,} of the older run are gone." in change.said
    )
    assert "data.where (not is_bot → device == 'mobile')" in change.said[0]


def test_rows_that_came_late_or_are_gone_are_revised_data(tmp_path: Path) -> None:
    whole, spec = scores_in_time(), spec_of()
    late = np.arange(whole.n) % 10 == 3
    before = store(tmp_path / "a", rows_of(whole, np.flatnonzero(~late)), spec)
    after = store(tmp_path / "b", rows_of(whole, np.arange(20, whole.n)), spec, data="2")
    change = sound(change_between(before, after))
    assert kinds(change) == ["revised_data"]
    assert change.said[0] == (
        "Of 3,980 sessions, 398 came late, for days that the older run covers; "
        "18 of the older run are gone."
    )
    without = spec_of(time=None)
    undated = change_between(
        store(tmp_path / "c", rows_of(whole, np.flatnonzero(~late)), without),
        store(tmp_path / "d", whole, without, data="2"),
    )
    assert kinds(sound(undated)) == ["mix", "mechanism"]


def test_equal_runs_did_not_move(tmp_path: Path) -> None:
    scores = scores_in_time(1_000)
    before = store(tmp_path / "a", scores, spec_of())
    same = change_between(before, store(tmp_path / "b", scores, spec_of()))
    assert (same.total, same.ci, same.parts, same.said) == (0.0, (0.0, 0.0), (), (words.NOTHING,))
    decision = spec_of(decision={"on": "2026-12-01"})
    other = change_between(before, store(tmp_path / "c", scores, decision))
    assert (other.total, other.parts) == (0.0, ())
    assert other.said == (
        "The study file also differs in what moves ranges, and no estimate: decision.on (not set "
        "→ 2026-12-01).",
        words.NOT_MOVED,
    )


def test_another_graph_in_the_same_file_is_another_definition(tmp_path: Path) -> None:
    whole = scores_in_time()
    before, now = (
        store(tmp_path / "a", whole, spec_of()),
        store(tmp_path / "b", rescored(whole), spec_of(), data="2"),
    )
    answer = json.loads((now / "answer.json").read_text(encoding="utf-8"))
    answer["estimand"]["adjustment"] = ["age"]
    (now / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    change = change_between(before, now)
    assert kinds(change) == ["definition"]
    assert change.said[0] == "The study file asks for something else: graph."


# ---- words


def test_no_secret_of_an_address_is_said(tmp_path: Path) -> None:
    whole = scores_in_time(2_000)
    before = store(tmp_path / "a", first(whole, 1_000), spec_of())
    moved = spec_of(data={"source": "postgresql://ann:other@db.example/shop#log"})
    now = store(tmp_path / "b", whole, moved, data="2")
    told = diff_runs(str(before), str(now), out=tmp_path)
    assert "data.source" in told.text
    for text in (told.text, json.dumps(told.record)):
        assert "hush" not in text
        assert "other@" not in text


def test_long_values_and_many_keys_are_cut() -> None:
    told = words.keys_words([("data.where", "a" * 61, "b")] * 9, moves="estimate")
    assert told.count("data.where") == 8
    assert "aaa" not in told
    assert told.endswith("and 1 more.")
    assert "(no → yes)" in words.keys_words([("review.required", False, True)], moves="none")


def test_a_share_below_zero_has_a_true_minus() -> None:
    line = words.part_line("Code", "other code", amount="+1", around=(0.5, 2.0), share=-0.02)
    assert "\u22122 % of the move;" in line
    plain = words.part_line("Code", "other code", amount="+1", around=(None, None), share=None)
    assert plain == "  Code: +1; other code."


def test_every_reason_has_its_own_sentence() -> None:
    kinds = [
        "before_withheld", "now_withheld", "metric", "unit", "no_number",
        "no_unit", "no_shared", "denominator", "unreadable", "disagree",
    ]  # fmt: skip
    said = [words.unsplit_words(kind) for kind in kinds]  # type: ignore[arg-type]
    assert len(set(said)) == len(said)
    assert all(sentence.endswith(".") for sentence in said)


# ---- whole runs


STUDY: dict[str, object] = {
    "study": "growing",
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded", "arms": ["expanded"]},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [
        {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.002},
        {"column": "shipping_cost", "kind": "cost", "better": "lower"},
    ],
    "covariates": ["cart_value", "is_member"],
    "segments": ["device"],
    "learners": ["glm"],
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    simulate_checkout(5_000, seed=3, mode="randomised").to_parquet(path)
    return path


def _run(folder: Path, log: Path, as_of: str, **changes: object) -> Path:
    data = {"source": str(log)}
    keys = {"data": data, **STUDY, **changes}
    folder.mkdir(parents=True, exist_ok=True)
    study = folder / "study.yaml"
    study.write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")
    options = RunOptions(quick=True, as_of=dt.date.fromisoformat(as_of), today=dt.date(2026, 11, 2))
    target = Target(out=folder / "out", publish=False, site=folder / "site")
    return run_study(study, options=options, target=target).folder


def test_two_runs_of_a_growing_log(tmp_path: Path, log: Path) -> None:
    before = _run(tmp_path, log, "2026-10-10")
    now = _run(tmp_path, log, "2026-10-24")
    change = sound(change_between(before, now))
    assert kinds(change) == ["mix", "mechanism", "revised_data"]
    revised = change.parts[-1]
    assert abs(revised.estimate) < 0.2 * np.ptp(np.array(change.ci, dtype=float))
    answers = [json.loads((run / "answer.json").read_text("utf-8")) for run in (before, now)]
    rows = [next(r for r in one["effects"] if r["outcome"] == "converted") for one in answers]
    assert change.estimate_before == rows[0]["estimate"]
    assert list(change.ci_now) == rows[1]["ci"]
    assert change_between(now, now).said == (words.NOTHING,)
    opened, earlier = wi.load(now), wi.load(before)
    assert opened.changes(since=earlier) == change
    with pytest.raises(UsageError, match="The older run is not stored"):
        opened.changes(since=replace(earlier, folder=None))
    assert diff_runs(before.name, now.name, out=tmp_path / "out").text.count("\n") > 5
    defined = _run(
        tmp_path, log, "2026-10-24", data={"source": str(log), "where": "device == 'mobile'"}
    )
    narrowed = sound(change_between(now, defined))
    assert kinds(narrowed)[-1] == "definition"
    assert "data.where (not set → device == 'mobile')" in narrowed.said[0]
