"""The locked plan: written once before the first look, and what differs from it afterwards."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from tests.builders import spec
from whatif.base.errors import PublishError
from whatif.base.hashing import canonical_json
from whatif.base.plan import Aspect, Deviation, MetricPlan, Plan, canonical, deviations, plan_hash
from whatif.contract.plan import plan_of
from whatif.contract.stored import from_json
from whatif.publish.audit.lock_plan import lock_in, lock_plan, resembling
from whatif.publish.audit.record import record_run
from whatif.publish.audit.trail import TRAIL, read_trail, writing
from whatif.publish.run_folder import write_run
from whatif.verdict.plan_wording import deviation_sentence, deviation_words, plan_notices

NOW = dt.datetime(2026, 11, 2, 7, tzinfo=dt.UTC)
FILES = {"answer.json": b'{"verdict": {"decision": "roll_out"}}\n', "report.html": b"<p>one</p>\n"}


def looked(out: Path, study: str, run_id: str = "aaa") -> None:
    """Make and record one run."""
    made = write_run(out, study, run_id, FILES)
    record_run(out, study, run_id, now=NOW, fresh=not made.unchanged)


# ---- the plan of a study


def test_stating_a_default_promises_the_same_as_leaving_it_out() -> None:
    bare = spec(unit="session_id")
    stated = spec(
        unit="session_id",
        assigned="session_id",
        cluster="session_id",
        level=0.95,
        target="ate",
        rollout_if="better",
        decision={"looks": "once", "every": "14d"},
        segments=[["device", "region"], "region"],
        seed=7,
        folds=5,
        covariates=["x0"],
        learners=["glm"],
        schedule={"cron": "0 7 * * 1"},
        review={"required": False},
        freshness="7d",
        question="Something else?",
    )
    assert plan_of(bare) == plan_of(stated)
    assert plan_hash(plan_of(bare)) == plan_hash(plan_of(stated))


def test_spaces_in_a_filter_are_no_change_but_those_in_quotes_are() -> None:
    def plan(where: str) -> Plan:
        return plan_of(spec(data={"source": "a.parquet", "where": where}))

    assert plan("not  is_bot\n and x = 'a  b'") == plan("not is_bot and x = 'a  b'")
    assert plan("x = 'a  b'") != plan("x = 'a b'")


def test_chances_have_one_spelling_and_a_sentence() -> None:
    """A test whose chances are declared again after it broke a check was not planned so."""

    def plan(chances: object) -> Plan:
        return plan_of(spec(design={"kind": "experiment", "probability": chances}))

    half = plan({"folded": 0.5, "expanded": 0.5})
    assert half == plan({"expanded": 0.5, "folded": 0.5})
    ramp = {"column": "phase", "phases": {2: {"folded": 0.5, "expanded": 0.5},
                                          1: {"folded": 0.95, "expanded": 0.05}}}  # fmt: skip
    assert plan(ramp).probability == (
        "by phase: 1 (expanded 0.05, folded 0.95), 2 (expanded 0.5, folded 0.5)"
    )
    assert plan({"column": "chance"}).probability == "in column chance"
    assert deviation_words(deviations(half, plan({"folded": 0.8, "expanded": 0.2}))) == (
        "The chance of each arm was expanded 0.5, folded 0.5, now expanded 0.2, folded 0.8.",
    )


def test_what_guards_readers_is_locked_in_words() -> None:
    kept = plan_of(spec(time="started_at", assignment_log="bucket", review={"required": True}))
    assert deviation_words(deviations(kept, plan_of(spec(freshness="90d")))) == (
        "The column with the arm as it was assigned was bucket, now none.",
        "The column of the moment was started_at, now none.",
        "The age that the newest row may have was 7d, now 90d.",
        "The review before readers see a run was required, now not required.",
    )


def test_a_plan_comes_back_from_its_stored_form() -> None:
    plan = plan_of(
        spec(
            value={"currency": "USD", "per": {"converted": 18}, "arm_cost": {"expanded": 0.1}},
            overlap={"rule": "trim"},
            decision={"on": "2026-11-30", "looks": "scheduled", "start": "2026-10-05"},
        )
    )
    assert from_json(Plan, canonical_json(canonical(plan)), shown="a plan") == plan


def test_a_lock_from_before_a_key_existed_compares_with_its_default() -> None:
    older = canonical(plan_of(spec()))
    assert "maturity" not in older  # what stands at its default is not stored at all
    plan = from_json(Plan, canonical_json(older), shown="a plan")
    assert deviations(plan, plan_of(spec())) == ()
    later = older | {"a_key_of_a_later_version": 3}
    assert from_json(Plan, canonical_json(later), shown="a plan") == plan


# ---- what differs


MOVES: dict[Aspect, dict[str, object]] = {
    "where": {"data": {"source": "x.parquet", "where": "not is_bot"}},
    "weights": {"weights": "w"},
    "trimmed": {"overlap": {"rule": "trim"}},
    "unit": {"unit": "session_id"},
    "cluster": {"cluster": "customer_id"},
    "assigned": {"assigned": "customer_id"},
    "first_exposure": {"first_exposure": "first_seen"},
    "window": {"window": "28d"},
    "maturity": {"maturity": "14d"},
    "treatment": {"treatment": {"column": "shown", "control": "folded"}},
    "control": {"treatment": {"column": "presentation", "control": "expanded"}},
    "arms": {"treatment": {"column": "presentation", "control": "folded", "arms": ["expanded"]}},
    "design": {"design": {"kind": "experiment"}},
    "probability": {"design": {"probability": {"folded": 0.8, "expanded": 0.2}}},
    "assignment_log": {"assignment_log": "bucket"},
    "time": {"time": "started_at"},
    "freshness": {"freshness": "30d"},
    "review": {"review": {"required": True}},
    "target": {"target": "att"},
    "level": {"level": 0.9},
    "option": {"option": "speed"},
    "rollout_if": {"rollout_if": "not_worse"},
    "decide_on": {"decision": {"on": "2026-11-30"}},
    "looks": {"decision": {"looks": "anytime"}},
    "first_look": {"decision": {"start": "2026-10-05"}},
    "look_every": {"decision": {"looks": "scheduled", "every": "14d"}},
    "segment_added": {"segments": ["region", ["region", "device"], "device"]},
    "segment_dropped": {"segments": ["region"]},
    "value": {"value": {"currency": "USD", "per": {"converted": 18}}},
}


@pytest.mark.parametrize("aspect", MOVES)
def test_every_part_of_the_plan_is_compared(aspect: Aspect) -> None:
    found = deviations(plan_of(spec()), plan_of(spec(**MOVES[aspect])))
    assert aspect in {one.aspect for one in found}
    for sentence in deviation_words(found):
        assert sentence.endswith(".")
        assert "{" not in sentence
        assert " was ," not in sentence


def _metrics(**changes: object) -> Plan:
    outcome = {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.01}
    cost = {"column": "cost", "kind": "cost", "better": "lower"}
    ratio = {"name": "per_order", "numerator": "cost", "denominator": "converted"}
    return plan_of(spec(outcomes=[outcome, cost | changes], ratios=[ratio]))


@pytest.mark.parametrize(
    ("changes", "aspect"),
    [
        ({"kind": "amount"}, "kind"),
        ({"better": "higher"}, "better"),
        ({"matters_from": 0.1}, "matters_from"),
        ({"limit": 0.3}, "limit"),
        ({"role": "guardrail"}, "role"),
    ],
)
def test_every_part_of_a_metric_is_compared(changes: dict[str, object], aspect: Aspect) -> None:
    found = deviations(_metrics(), _metrics(**changes))
    assert [(one.aspect, one.subject) for one in found] == [(aspect, "cost")]


def test_a_ratio_made_of_other_columns_is_compared() -> None:
    def plan(top: str, bottom: str) -> Plan:
        return plan_of(spec(ratios=[{"name": "r", "numerator": top, "denominator": bottom}]))

    found = deviations(plan("cost", "converted"), plan("converted", "cost"))
    assert [one.aspect for one in found] == ["numerator", "denominator"]


def test_the_primary_outcome_is_named_in_words_a_manager_understands() -> None:
    outcomes = [{"column": "converted"}, {"column": "shipping_cost", "role": "primary"}]
    moved = plan_of(spec(outcomes=outcomes, ratios=[]))
    planned = plan_of(spec(outcomes=[{"column": "converted"}, {"column": "shipping_cost"}],
                           ratios=[]))  # fmt: skip
    assert deviation_words(deviations(planned, moved)) == (
        "The primary outcome was converted, now shipping_cost.",
    )


def test_metrics_and_values_come_and_go_in_words() -> None:
    bare = plan_of(spec(ratios=[]))
    with_ratio = plan_of(spec())
    assert deviation_words(deviations(bare, with_ratio)) == (
        "The metric cost_per_order (secondary) was added.",
    )
    assert deviation_words(deviations(with_ratio, bare)) == (
        "The metric cost_per_order (secondary) is no longer measured.",
    )
    cheap, dear = (
        plan_of(spec(value={"currency": "USD", "per": {"converted": worth}})) for worth in (18, 20)
    )
    assert deviation_words(deviations(cheap, dear)) == (
        "The declared value (converted) was 18, now 20.",
    )


def test_every_aspect_has_a_sentence_and_a_case() -> None:
    for aspect in get_args(Aspect):
        said = deviation_sentence(
            Deviation(aspect=aspect, subject="{x}", before="<b>", now="\u202enow")
        )
        assert said.endswith(".")
    of_metric = {*(f.name for f in fields(MetricPlan)), "primary"} - {"name"}
    cased = {*MOVES, *of_metric, "metric_added", "metric_dropped"}
    assert set(get_args(Aspect)) == cased


# ---- the lock


def test_the_first_plan_that_was_looked_at_stays(tmp_path: Path) -> None:
    first, second = plan_of(spec()), plan_of(spec(level=0.9))
    locked = lock_plan(tmp_path, "small", first, now=NOW)
    assert (locked.plan, locked.hash) == (first, plan_hash(first))
    assert locked.locked_at == "2026-11-02T07:00:00+00:00"
    before = (tmp_path / "small" / TRAIL).read_bytes()
    assert lock_plan(tmp_path, "small", first, now=NOW) == locked
    assert (tmp_path / "small" / TRAIL).read_bytes() == before
    looked(tmp_path, "small")
    again = lock_plan(tmp_path, "small", second, now=NOW + dt.timedelta(days=7))
    assert again == locked
    assert [one.aspect for one in deviations(again.plan, second)] == ["level"]


def test_a_plan_that_nobody_looked_under_may_be_corrected(tmp_path: Path) -> None:
    first, second = plan_of(spec()), plan_of(spec(level=0.9))
    lock_plan(tmp_path, "small", first, now=NOW)
    corrected = lock_plan(tmp_path, "small", second, now=NOW)
    assert corrected.plan == second
    looked(tmp_path, "small")
    assert lock_plan(tmp_path, "small", first, now=NOW) == corrected
    kinds = [entry.kind for entry in read_trail(tmp_path, "small").entries]
    assert kinds == ["plan", "plan", "run"]


def test_a_run_that_was_not_recorded_was_looked_at_all_the_same(tmp_path: Path) -> None:
    first = plan_of(spec())
    locked = lock_plan(tmp_path, "small", first, now=NOW)
    write_run(tmp_path, "small", "aaa", FILES)  # and its process died
    assert lock_plan(tmp_path, "small", plan_of(spec(level=0.9)), now=NOW) == locked


def test_a_lock_that_came_after_looking_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, "small", "aaa", FILES)
    write_run(tmp_path, "small", "bbb", FILES)
    locked = lock_plan(tmp_path, "small", plan_of(spec()), now=NOW)
    assert locked.runs_before == 2
    (notice,) = plan_notices(locked)
    assert notice.code == "plan_locked_late"
    assert notice.problem.what.startswith("2 runs of this study had been made before")


def test_a_question_seen_under_another_name_is_named(tmp_path: Path) -> None:
    plan = plan_of(spec())
    assert resembling(tmp_path, "new", plan) == ()
    lock_plan(tmp_path, "old-name", plan, now=NOW)
    assert resembling(tmp_path, "new", plan) == ()  # planned, and never looked at
    looked(tmp_path, "old-name", "aaa")
    looked(tmp_path, "old-name", "bbb")
    lock_plan(tmp_path, "other", plan_of(spec(unit="session_id")), now=NOW)
    looked(tmp_path, "other")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / TRAIL).write_bytes(b"\xff\n")
    asked = replace(plan, level=0.9)
    renamed = lock_plan(tmp_path, "new", asked, now=NOW)
    assert [(one.study, one.runs) for one in renamed.seen] == [("old-name", 2)]
    (notice,) = plan_notices(renamed)
    assert notice.code == "seen_before"
    assert notice.problem.what == (
        "The same arms were compared before under another name: old-name (2 runs)."
    )
    looked(tmp_path, "old-name", "ccc")
    assert lock_plan(tmp_path, "new", asked, now=NOW) == renamed  # what was known then, for good


@pytest.mark.parametrize(
    ("changes", "differs", "words"),
    [
        ({"data": {"source": "x.parquet", "where": "device = 'mobile'"}}, ("counted",),
         "first (1 run, other rows counted)"),
        ({"outcomes": [{"column": "cost", "role": "primary"}], "ratios": []}, ("primary",),
         "first (1 run, another primary outcome)"),
        ({"outcomes": [{"column": "cost", "role": "primary"}], "ratios": [], "weights": "w"},
         ("primary", "counted"),
         "first (1 run, another primary outcome, other rows counted)"),
    ],
)  # fmt: skip
def test_another_outcome_or_filter_under_a_new_name_does_not_hide_the_first_look(
    tmp_path: Path, changes: dict[str, object], differs: tuple[str, ...], words: str
) -> None:
    lock_plan(tmp_path, "first", plan_of(spec()), now=NOW)
    looked(tmp_path, "first")
    locked = lock_plan(tmp_path, "second", plan_of(spec(**changes)), now=NOW)
    assert [(one.study, one.runs, one.differs) for one in locked.seen] == [("first", 1, differs)]
    (notice,) = plan_notices(locked)
    assert words in notice.problem.what
    looked(tmp_path, "second")
    assert lock_plan(tmp_path, "second", plan_of(spec()), now=NOW).seen == locked.seen


def test_a_lock_from_before_differences_were_kept_can_be_read(tmp_path: Path) -> None:
    plan = plan_of(spec())
    seen = [{"study": "first", "runs": 3}]
    with writing(tmp_path, "small", key=None) as trail:
        content = {"hash": plan_hash(plan), "plan": canonical(plan), "runs_before": 0, "seen": seen}
        trail.add("plan", content, now=NOW)
        locked = lock_in(trail.entries)
    assert locked is not None
    assert locked.seen[0].differs == ()


def test_a_plan_is_not_read_from_a_damaged_trail(tmp_path: Path) -> None:
    lock_plan(tmp_path, "small", plan_of(spec()), now=NOW)
    path = tmp_path / "small" / TRAIL
    path.write_bytes(path.read_bytes().replace(b'"folded"', b'"fallen"'))
    with pytest.raises(PublishError, match=r"damaged at line 1.*\n.*no longer be told"):
        lock_plan(tmp_path, "small", plan_of(spec()), now=NOW)


def test_the_trail_holds_the_plan_in_plain_values(tmp_path: Path) -> None:
    lock_plan(tmp_path, "small", plan_of(spec()), now=NOW)
    stored = json.loads((tmp_path / "small" / TRAIL).read_text(encoding="utf-8"))
    assert stored["content"]["plan"]["treatment"] == "presentation"
    assert stored["content"]["hash"] == plan_hash(plan_of(spec()))
    with writing(tmp_path, "small", key=None) as trail:
        assert lock_in(trail.entries) is not None
    assert lock_in(()) is None
