"""``scenario.json`` as text: the same numbers on both sides, and nothing read from damage."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests import sheet_cases as cases
from whatif.base.errors import DataError
from whatif.scenarios.sheet.build import sheet_of
from whatif.scenarios.sheet.record import Worth
from whatif.scenarios.sheet.text import decode, encode

Json = dict[str, Any]
SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "scenario.v1.json"


def _stored(arms: int = 2) -> Json:
    made: Json = json.loads(encode(cases.sheet(arms)))
    return made


@pytest.mark.parametrize("arms", [2, 3])
def test_a_file_is_read_back_as_it_was_to_single_precision(arms: int) -> None:
    file = cases.sheet(arms)
    text = encode(file)
    read = decode(text)
    assert encode(read) == text
    assert read.theta == pytest.approx(file.theta, rel=1e-7)
    assert read.share == pytest.approx(file.share, rel=1e-7)
    error = np.sqrt(np.diag(file.covariance))
    gap = np.abs(read.covariance - file.covariance) / np.outer(error, error)
    assert gap.max() < 1e-6
    shares = read.covariance[file.theta.size :]
    assert np.abs(shares.sum(axis=0)).max() < 1e-15  # shares add up to 1, whatever the rounding
    same = ("arms", "outcomes", "ratios", "columns", "n", "clusters", "df", "worth", "critical")
    for name in same:
        assert getattr(read, name) == getattr(file, name), name


def test_the_text_keeps_its_schema_and_its_order() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    checked = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    spec = cases.study(segments=[], value=None)
    alone = sheet_of(
        cases.means_of(cases.scored(), spec), spec, replace(cases.ABOUT, units=None, as_of=None)
    )
    assert alone is not None
    for text in (encode(cases.sheet()), encode(cases.sheet(3)), encode(alone)):
        stored = json.loads(text)
        checked.validate(stored)
        assert list(stored) == list(schema["properties"])
        assert text == json.dumps(stored, separators=(",", ":"), ensure_ascii=False)
        assert not text.endswith("\n")
    assert json.loads(encode(alone))["cells"] == [[]]
    with pytest.raises(jsonschema.ValidationError, match=r"scenario\.v1"):
        checked.validate(_stored() | {"schema": "scenario.v2"})


def test_the_numbers_are_laid_out_as_the_schema_says() -> None:
    file, stored = cases.sheet(3), _stored(3)
    raw = np.frombuffer(b64decode(stored["numbers"]), dtype="<f4")
    size, kept = file.theta.size, file.theta.size + file.share.size - 1
    assert raw[1] == np.float32(file.theta[0, 0, 1])
    assert raw[2] == np.float32(file.theta[0, 1, 0])
    assert raw[size] == np.float32(file.share[0])
    triangle = raw[size + file.share.size :]
    assert triangle.size == kept * (kept + 1) // 2
    assert triangle[1] == np.float32(file.covariance[1, 0])
    assert triangle[-1] == np.float32(file.covariance[kept - 1, kept - 1])


def test_sliders_have_limits_from_the_data() -> None:
    stored = _stored()
    assert stored["limits"]["per"] == [[0.0, 54.0], [-3.0, 0.0]]
    assert stored["limits"]["units_per_month"] == [5e3, 1.5e5]
    share = float(cases.sheet().share[:2].sum())  # of the first region
    low, high = stored["limits"]["mix"][0][0]
    assert low / (1 - low) == pytest.approx(share / (1 - share) / 4, rel=1e-3)
    assert high / (1 - high) == pytest.approx(share / (1 - share) * 4, rel=1e-3)
    free = replace(cases.sheet(), worth=Worth(currency="", per=(0.0, 2.0), arm_cost=(0.0, 0.0)))
    assert json.loads(encode(free))["limits"]["per"] == [None, [0.0, 6.0]]


@pytest.mark.parametrize("schema", ["scenario.v2", "scenario.v10"])
def test_a_newer_file_asks_for_an_update(schema: str) -> None:
    with pytest.raises(DataError, match=f"{schema}, made by a newer version") as raised:
        decode(json.dumps(_stored() | {"schema": schema}))
    assert "update whatif" in str(raised.value)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"a": 1}', '{"schema": "answer.v1"}', '{"schema": 1}']
)
def test_another_file_is_not_read(text: str) -> None:
    with pytest.raises(DataError, match="This is not a scenario file"):
        decode(text)


@pytest.mark.parametrize("text", ["", "{", "\x00", "scenario.v1"])
def test_what_is_not_json_is_damaged(text: str) -> None:
    with pytest.raises(DataError, match="damaged: it is not JSON"):
        decode(text)


def _moved(place: int, value: float) -> Callable[[Json], Json]:
    """Return a change of one of the numbers."""

    def change(stored: Json) -> Json:
        values = np.frombuffer(b64decode(stored["numbers"]), dtype="<f4").copy()
        values[place] = value
        return {"numbers": b64encode(values.tobytes()).decode()}

    return change


def _text(change: Callable[[str], str]) -> Callable[[Json], Json]:
    return lambda stored: {"numbers": change(stored["numbers"])}


def _to(**changes: object) -> Callable[[Json], Json]:
    return lambda _: changes


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_text(lambda numbers: "!" + numbers[1:]), "`numbers` is not base64"),
        (_text(lambda numbers: numbers[:-3]), "`numbers` is not base64"),
        (_to(numbers="ü"), "`numbers` is not base64"),
        (_text(lambda numbers: numbers[:-4]), "`numbers` holds [0-9]+ bytes instead of"),
        (_to(numbers=""), "`numbers` holds 0 bytes"),
        (_moved(3, float("nan")), "missing or infinite"),
        (_moved(3, float("inf")), "missing or infinite"),
        (_moved(-1, -1.0), "variances of at least 0"),
        (_moved(24, 0.9), "shares that add up to 1"),  # of the first of six cells
        (_to(numbers=7), "damaged"),
        (_to(arms=["folded", "folded"]), "two arms at least, all different"),
        (_to(arms=["folded", 1]), "labels that are text"),
        (_to(arms=None), "damaged"),
        (_to(study=1), "labels that are text"),
        (_to(target="everyone"), "a known target"),
        (_to(withheld="no"), "a plain yes or no to `withheld`"),
        (_to(cells=[[0, 0]] * 6), "a cell at least, all different"),
        (lambda stored: {"cells": [[9, 0], *stored["cells"][1:]]}, "cells with known levels"),
        (_to(cells=[[0], [1]]), "damaged"),
        (_to(n=[1]), "counts for every cell"),
        (_to(declared=5), "a declared arm"),
        (_to(declared=0.5), "a declared arm"),
        (_to(ratios=[["r", 0, 9]]), "ratios of known outcomes"),
        (_to(ratios=[["r", 0]]), "damaged"),
        (_to(value={"currency": "", "per": [1.0], "arm_cost": [0.0, 0.0]}), "a worth of every"),
        (_to(value={"currency": "USD"}), "damaged"),
        (_to(units_per_month=-1.0), "a positive number of units"),
        (_to(units_per_month=float("nan")), "a positive number of units"),
        (_to(critical={"declared": -1.0, "prices": 2.0, "rollout": 3.0}), "positive critical"),
        (_to(critical={"declared": 1.0}), "damaged"),
        (_to(level=2.0), "a level between 0 and 1"),
        (_to(df="many"), "a count of degrees of freedom"),
    ],
)
def test_a_damaged_file_is_refused(change: Callable[[Json], Json], match: str) -> None:
    stored = _stored()
    with pytest.raises(DataError, match=match):
        decode(json.dumps(stored | change(stored)))


def test_a_file_without_one_of_its_parts_is_refused() -> None:
    stored = _stored()
    for key in set(stored) - {"schema", "limits"}:
        less = {name: value for name, value in stored.items() if name != key}
        with pytest.raises(DataError, match="This scenario file is damaged"):
            decode(json.dumps(less))
