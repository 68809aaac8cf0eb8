"""A rule in words, SQL, JSON and Python: all of them give every unit the same arm."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif.base.errors import UsageError
from whatif.scenarios.policy.columns import Coded, coded, usable
from whatif.scenarios.policy.forms import to_json, to_python, to_sql
from whatif.scenarios.policy.leaves import Leaf, Split
from whatif.scenarios.policy.lesson import Group, Lesson
from whatif.scenarios.policy.policy import written
from whatif.scenarios.policy.rule import Bound, Condition, Gap, Line, Rule, Same, shortened
from whatif.verdict.policy_wording import rule_in_words

ARMS = ('it\'s "folded"', "expanded; DROP TABLE units; --", "thírd")
NASTY = "o'Brien\"; SELECT 1; --"


def units(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Columns of every kind a rule reads, with gaps, quotes and levels that differ by a digit."""
    draws = np.random.default_rng(seed)
    cart = np.round(draws.gamma(2.0, 40.0, n), 2)
    words = draws.choice([NASTY, "Web", "Phone", "größer"], n).astype(object)
    words[draws.random(n) < 0.1] = None
    visits = draws.integers(0, 6, n).astype(float)
    visits[draws.random(n) < 0.15] = np.nan
    return pd.DataFrame(
        {
            'cart "USD"': cart,
            "single": draws.choice(np.array([0.1, 0.2, 0.3], dtype=np.float32), n),
            "visits": visits,
            "channel": words,
            "member": draws.random(n) < 0.5,
            "mens": draws.integers(0, 2, n),
        }
    )


def random_rule(made: Coded, seed: int) -> Leaf | Split:
    """A tree with random splits over the coded features."""
    draws = np.random.default_rng(seed)

    def grow(depth: int) -> Leaf | Split:
        if depth == 0 or draws.random() < 0.1:
            return Leaf(arm=int(draws.integers(0, len(ARMS))))
        feature = int(draws.integers(0, len(made.features)))
        seen = np.unique(made.codes[:, feature])
        at = int(draws.choice(seen[:-1]))
        return Split(feature=feature, cut=at, low=grow(depth - 1), high=grow(depth - 1))

    return grow(3)


def lesson_of(made: Coded) -> Lesson:
    n = len(made.codes)
    return Lesson(
        reward=np.zeros((n, len(ARMS))),
        seen=np.zeros(n),
        weight=np.ones(n),
        cluster=np.arange(n),
        arm=np.zeros(n, dtype=np.int64),
        assigned=False,
        features=made.features,
        codes=made.codes,
        group=np.zeros(n, dtype=np.int64),
        groups=(Group(when=(), limit=None),),
        depth=3,
        min_leaf=1,
        forest=False,
        level=0.95,
        seed=0,
    )


def by_sql(rule: Rule, frame: pd.DataFrame) -> list[str]:
    with duckdb.connect() as connection:
        connection.register("units", frame)
        return [r[0] for r in connection.execute(f"SELECT {to_sql(rule)} FROM units").fetchall()]


def by_python(rule: Rule, frame: pd.DataFrame) -> list[str]:
    space: dict[str, Any] = {"__builtins__": {"float": float, "type": type, "bool": bool}}
    exec(to_python(rule), space)
    return [space["choose"](row) for row in frame.to_dict("records")]


def by_json(rule: Rule, frame: pd.DataFrame) -> list[str]:
    made = json.loads(to_json(rule))
    assert made["schema"] == "policy.v1"
    assert made["treatment"] == "presentation"

    def holds(test: dict[str, Any], value: Any) -> bool:
        gone = value is None or pd.isna(value)
        if test["test"] in {"missing", "not_missing"}:
            return bool(gone == (test["test"] == "missing"))
        if gone:
            return bool(test["or_missing"])
        wanted = test["value"]
        return bool(
            {
                "at_most": lambda: value <= wanted,
                "above": lambda: value > wanted,
                "is": lambda: value == wanted,
                "is_not": lambda: value != wanted,
            }[test["test"]]()
        )

    return [
        next(
            (
                line["give"]
                for line in made["lines"]
                if all(holds(test, row[test["column"]]) for test in line["when"])
            ),
            made["otherwise"],
        )
        for row in frame.astype({"single": "float64"}).to_dict("records")
    ]


@pytest.mark.parametrize("seed", range(25))
def test_all_forms_give_every_unit_the_arm_that_the_tree_gives(seed: int) -> None:
    frame = units(seed=seed)
    made = coded(frame, fewest=5)
    tree = random_rule(made, seed)
    rule = written(lesson_of(made), (tree,), treatment="presentation", arms=ARMS)
    assert rule is not None
    expected = [ARMS[a] for a in tree.arms(made.codes)]
    assert rule.assign(frame).tolist() == expected
    assert by_sql(rule, frame) == expected
    assert by_python(rule, frame) == expected
    assert by_json(rule, frame) == expected


@pytest.mark.parametrize("seed", range(10))
def test_forms_agree_on_units_unlike_any_in_the_data(seed: int) -> None:
    made = coded(units(seed=seed), fewest=5)
    tree = random_rule(made, seed)
    rule = written(lesson_of(made), (tree,), treatment="presentation", arms=ARMS)
    assert rule is not None
    odd = units(n=60, seed=99)
    odd.loc[:9, "channel"] = "never seen"
    odd["member"] = odd["member"].astype(object)
    odd.loc[5:20, ["member", 'cart "USD"', "single"]] = None
    odd["mens"] = odd["mens"].where(odd["visits"] > 2)
    expected = rule.assign(odd).tolist()
    typed = odd.astype({"member": "boolean", 'cart "USD"': "float64", "single": "float32"})
    assert rule.assign(typed).tolist() == expected
    assert by_sql(rule, typed) == expected
    assert by_python(rule, typed) == expected
    assert by_json(rule, odd) == expected


def test_a_value_never_missing_in_the_data_gets_the_control_where_it_is_missing() -> None:
    made = coded(pd.DataFrame({"age": np.arange(50.0)}), fewest=5)
    tree = Split(feature=0, cut=10, low=Leaf(arm=1), high=Leaf(arm=2))
    rule = written(lesson_of(made), (tree,), treatment="presentation", arms=ARMS)
    assert rule is not None
    assert rule.assign(pd.DataFrame({"age": [None, 1.0]}))[0] == ARMS[0]


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(min_codepoint=32, exclude_characters="\\"), max_size=12),
       st.text(alphabet="'\";-)( abc", min_size=1, max_size=12))  # fmt: skip
def test_no_text_leaves_its_quotes(level: str, column: str) -> None:
    when = Same(column=column, level=level, same=True, or_missing=False)
    rule = Rule(treatment="presentation", lines=(Line(when=(when,), give=ARMS[1]),),
                otherwise=ARMS[0])  # fmt: skip
    space: dict[str, Any] = {}
    exec(to_python(rule), space)
    assert space["choose"]({column: level}) == ARMS[1]
    assert space["choose"]({column: level + "x"}) == ARMS[0]
    name = '"' + column.replace('"', '""') + '"'
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE units ({name} TEXT)")
        connection.executemany("INSERT INTO units VALUES (?)", [(level,), (level + "x",)])
        found = connection.execute(f"SELECT {to_sql(rule)} FROM units").fetchall()
    assert found == [(ARMS[1],), (ARMS[0],)]


@pytest.mark.parametrize("text", ["a\\' OR 1=1 --", "two\nlines", "nul\0"])
def test_text_that_databases_quote_differently_is_refused(text: str) -> None:
    when = Same(column="x", level=text, same=True, or_missing=False)
    rule = Rule(treatment="t", lines=(Line(when=(when,), give="b"),), otherwise="a")
    with pytest.raises(UsageError, match="cannot be quoted alike in every database"):
        to_sql(rule)
    space: dict[str, Any] = {}
    exec(to_python(rule), space)
    assert space["choose"]({"x": text}) == "b"


@pytest.mark.parametrize("lines", [(), (Line(when=(), give="b"),)])
def test_one_arm_for_everyone_needs_no_column(lines: tuple[Line, ...]) -> None:
    rule = Rule(treatment="t", lines=lines, otherwise="a")
    arm = "b" if lines else "a"
    frame = pd.DataFrame({"x": [1, 2]})
    assert rule.for_everyone == arm
    assert rule.assign(frame).tolist() == by_sql(rule, frame) == by_python(rule, frame) == [arm] * 2


def test_words_say_the_rule() -> None:
    high = Bound(column="history", at=1_200.0, above=True, or_missing=False)
    low = Bound(column="history", at=0.25, above=False, or_missing=True)
    web = Same(column="channel", level="Web", same=False, or_missing=True)
    rule = Rule(
        treatment="t",
        lines=(
            Line(when=(high, web), give="b"),
            Line(when=(low, Gap(column="age", missing=False)), give="c"),
            Line(when=(Gap(column="channel", missing=True),), give="b"),
        ),
        otherwise="a",
    )
    assert rule_in_words(rule) == (
        "Give b where history is above 1,200 and channel is not Web or missing; or where channel "
        "is missing. Give c where history is at most 0.25 or missing and age is known. "
        "All others get a."
    )
    assert rule_in_words(Rule(treatment="t", lines=(), otherwise="a")).startswith(
        "Give a to everyone: no gain"
    )
    assert rule_in_words(None).startswith("A forest")


@pytest.mark.parametrize("seed", range(20))
def test_shorter_conditions_say_the_same(seed: int) -> None:
    draws = np.random.default_rng(seed)
    frame = units()
    pool: list[Condition] = [
        *(Bound(column="visits", at=float(at), above=bool(above), or_missing=bool(gap))
          for at in (1, 3) for above in (0, 1) for gap in (0, 1)),
        *(Same(column="channel", level=level, same=bool(same), or_missing=bool(gap))
          for level in ("Web", "Phone") for same, gap in ((0, 0), (0, 1), (1, 0))),
        *(Gap(column=name, missing=bool(gone))
          for name in ("visits", "channel") for gone in (0, 1)),
    ]  # fmt: skip
    chosen = [pool[i] for i in draws.integers(0, len(pool), 4)]
    short = shortened(chosen)
    assert len(short) <= 4
    both = [np.all([one.holds(frame) for one in side], axis=0) for side in (chosen, short)]
    assert (both[0] == both[1]).all()


def test_cuts_are_levels_or_round_numbers_and_rare_levels_are_not_told_apart() -> None:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "few": draws.integers(0, 5, 1_000),
            "many": draws.normal(1_000_000, 25.0, 1_000),
            "constant": 3.0,
            "level": np.array(["a"] * 600 + ["b"] * 397 + ["rare"] * 3),
        }
    )
    made = coded(frame, fewest=50)
    names = [feature.column for feature in made.features]
    assert names == ["few", "many", "level", "level"]
    few, many = made.features[0], made.features[1]
    assert few.low(2) == Bound(column="few", at=2.0, above=False, or_missing=False)
    at = many.high(10)
    assert isinstance(at, Bound)
    assert at.at == round(at.at, 1)


def test_dates_and_objects_are_no_columns_for_a_rule() -> None:
    frame = pd.DataFrame(
        {"day": pd.to_datetime(["2026-01-01"]), "x": [object()], "inf": [np.inf], "w": ["a"]}
    )
    assert [usable(frame[name]) for name in frame] == [False, False, False, True]


def test_a_frame_without_a_column_of_the_rule_is_refused() -> None:
    when = Gap(column="channel", missing=False)
    rule = Rule(treatment="t", lines=(Line(when=(when,), give="b"),), otherwise="a")
    with pytest.raises(UsageError, match="The rule reads 'channel', which is not there"):
        rule.assign(pd.DataFrame({"other": [1]}))
