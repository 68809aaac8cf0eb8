"""To which reason a part of a move is put down, and what a key of the study file can move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.changes_cases import (
    first,
    kinds,
    rescored,
    rows_of,
    scores_in_time,
    sound,
    spec_of,
    store,
)
from whatif.base.history import ChangeKind
from whatif.run.changes import change_between
from whatif.verdict import changes_wording as words


def test_the_same_data_are_never_revised(tmp_path: Path) -> None:
    whole = scores_in_time()
    before = store(tmp_path / "a", whole, spec_of())
    fewer = rescored(rows_of(whole, np.flatnonzero(whole.columns["device"] == "mobile")))
    data = {"source": "postgresql://ann:hush@db.example/shop#log", "where": "device == 'mobile'"}
    narrowed = change_between(before, store(tmp_path / "b", fewer, spec_of(data=data)))
    assert kinds(sound(narrowed)) == ["definition"]
    assert words.SAME_DATA in narrowed.said
    assert not {words.REFITTED, words.RULE_REFITS} & set(narrowed.said)
    both = change_between(before, store(tmp_path / "c", fewer, spec_of(data=data), code="d"))
    assert kinds(sound(both)) == ["definition"]
    together: tuple[ChangeKind, ...] = ("definition", "code")
    assert words.together_words(together, counted=True, rescored=True) in both.said
    single = spec_of(outcomes=[{"column": "converted", "kind": "count"}], ratios=[])
    alone = store(tmp_path / "d", whole, single)
    cost = {"column": "cost", "role": "secondary"}  # its missing values leave rows out
    with_cost = spec_of(outcomes=[{"column": "converted", "kind": "count"}, cost], ratios=[])
    lacking = store(tmp_path / "f", rows_of(whole, np.arange(3_000)), with_cost)
    assert kinds(sound(change_between(alone, lacking))) == ["definition"]
    question = store(tmp_path / "e", rescored(whole), spec_of(question="Why?"), code="d")
    assert kinds(sound(change_between(before, question))) == ["code"]


def test_another_rule_and_late_rows_together_stand_under_the_definition(tmp_path: Path) -> None:
    whole = scores_in_time()
    late = np.arange(whole.n) % 10 == 3
    before = store(tmp_path / "a", rows_of(whole, np.flatnonzero(~late)), spec_of())
    mobile = rows_of(whole, np.flatnonzero(whole.columns["device"] == "mobile"))
    data = {"source": "postgresql://ann:hush@db.example/shop#log", "where": "device == 'mobile'"}
    change = change_between(before, store(tmp_path / "b", mobile, spec_of(data=data), data="2"))
    assert kinds(sound(change)) == ["definition"]
    assert words.together_words(
        ("definition", "revised_data"), counted=True, rescored=False
    ) in change.said  # fmt: skip
    again = change_between(
        before, store(tmp_path / "c", rescored(mobile), spec_of(data=data, folds=3), data="2")
    )
    assert kinds(sound(again)) == ["definition"]
    assert words.together_words(
        ("definition", "revised_data"), counted=True, rescored=True
    ) in again.said  # fmt: skip


def test_units_left_out_by_their_chances_follow_the_scores(tmp_path: Path) -> None:
    whole = scores_in_time()
    trim = {"overlap": {"rule": "trim"}}
    before = store(tmp_path / "a", whole, spec_of(**trim))
    fewer = rescored(rows_of(whole, np.arange(100, whole.n)))
    code = change_between(before, store(tmp_path / "b", fewer, spec_of(**trim), code="d", data="2"))
    assert kinds(sound(code)) == ["code"]
    bound = spec_of(overlap={"rule": "trim", "low": 0.02})
    assert kinds(change_between(before, store(tmp_path / "c", fewer, bound))) == ["definition"]
    refused = store(tmp_path / "d", whole, spec_of(overlap={"low": 0.02}))
    told = change_between(store(tmp_path / "e", whole, spec_of()), refused)
    assert told.said[0].startswith("The study file also differs in what checks read")


def test_chances_of_a_design_can_move_the_estimate(tmp_path: Path) -> None:
    scores = scores_in_time(1_000)

    def chances(expanded: float) -> dict[str, object]:
        given = {"folded": 0.4, "expanded": expanded, "tabs": 0.6 - expanded}
        return {"kind": "experiment", "probability": given}

    before = store(tmp_path / "a", scores, spec_of(design=chances(0.3)))
    change = change_between(before, store(tmp_path / "b", scores, spec_of(design=chances(0.2))))
    assert change.said[0] == "The study file asks for something else: design.probability."


def test_the_range_of_a_move_is_at_the_newer_level(tmp_path: Path) -> None:
    whole = scores_in_time()
    before = store(tmp_path / "a", first(whole, 2_500), spec_of())
    wide = change_between(before, store(tmp_path / "b", whole, spec_of(), data="2"))
    narrow = change_between(before, store(tmp_path / "c", whole, spec_of(level=0.8), data="2"))
    width = [np.ptp(np.array(one.ci, dtype=float)) for one in (wide, narrow)]
    assert width[1] / width[0] == pytest.approx(1.2816 / 1.96, rel=0.01)
    assert narrow.total == wide.total
    assert words.level_words(0.95, 0.8) in narrow.said
    assert not any("level" in one for one in wide.said)


def test_another_source_counts_with_the_data(tmp_path: Path) -> None:
    whole = scores_in_time()
    before = store(tmp_path / "a", whole, spec_of())
    moved = spec_of(data={"source": "postgresql://db.example/other#log", "where": "not is_bot"})
    read = store(tmp_path / "b", rescored(whole), moved, data="2")
    given = store(tmp_path / "c", rescored(whole), spec_of(), data="2", source="week.parquet")
    for now in (read, given):
        change = sound(change_between(before, now))
        assert change.said[0] == words.OTHER_SOURCE
        assert not any("no estimate" in one for one in change.said)
        assert kinds(change) == ["revised_data"]
    same = change_between(before, store(tmp_path / "d", whole, moved))
    assert same.said[0] == words.SAME_FROM_OTHER_SOURCE
    unread = store(tmp_path / "e", whole, moved, source="postgresql://db.example/shop#log")
    beside = store(tmp_path / "f", whole, spec_of(), source="postgresql://db.example/shop#log")
    told = change_between(beside, unread)
    assert "what moves no estimate: data.source." in told.said[0]


def test_an_outcome_that_came_is_one_key(tmp_path: Path) -> None:
    scores = scores_in_time(1_000)
    one, other = {"column": "converted"}, {"column": "cost", "role": "secondary"}
    before = store(tmp_path / "a", scores, spec_of(outcomes=[one], ratios=[]))
    now = store(tmp_path / "b", scores, spec_of(outcomes=[one, other], ratios=[]))
    told = change_between(before, now).said
    assert told[0] == (
        "The study file asks for something else: outcomes.cost.column (not set → cost)."
    )
    assert not any("no estimate" in one for one in told)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"level": 0.9}, "moves ranges, and no estimate: level (0.95 → 0.9)."),
        ({"decision": {"looks": "anytime"}}, "moves ranges, and no estimate: decision.looks"),
        ({"assignment_log": "logged"}, "checks read, which moves no estimate: assignment_log"),
        ({"first_exposure": "seen"}, "checks read, which moves no estimate: first_exposure"),
        ({"bots": "clicks > 9"}, "checks read, which moves no estimate: bots"),
        ({"estimators": ["aipw", "dml"]}, "checks read, which moves no estimate: estimators"),
        ({"question": "Why?"}, "also differs in what moves no estimate: question."),
        ({"schedule": {"cron": "0 6 * * 1"}}, "what moves no estimate: schedule.cron"),
        ({"review": {"required": True}}, "what moves no estimate: review.required (no → yes)."),
        ({"rollout_if": "not_worse"}, "what moves no estimate: rollout_if"),
        ({"freshness": "9d"}, "what moves no estimate: freshness"),
        ({"exploratory": ["age"]}, "what moves no estimate: exploratory"),
        ({"design": {"kind": "experiment"}}, "asks for something else: design.kind"),
        ({"overlap": {"rule": "trim"}}, "asks for something else: overlap.rule"),
    ],
)
def test_every_key_is_said_to_move_what_it_moves(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    scores = scores_in_time(1_000)
    before = store(tmp_path / "a", scores, spec_of())
    change = change_between(before, store(tmp_path / "b", scores, spec_of(**changes)))
    assert said in change.said[0]
    assert change.total == 0
