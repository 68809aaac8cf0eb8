"""The study file: what it accepts, and every way of getting it wrong, said in plain words."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.base.errors import UsageError
from whatif.contract.spec import StudySpec, arm_label
from whatif.contract.study_file import NOT_YET, load_study, study_from_mapping
from whatif.contract.yaml_text import parse_mapping

FOUNDING = """
study: mobile-expanded-options
question: Does showing every delivery option on mobile raise conversion?
data:
  source: data/checkout/*.parquet
  contract: checkout_sessions.v1
  where: "not is_bot"
unit: session_id
cluster: customer_id
time: started_at
treatment: {column: presentation, control: folded, arms: [expanded]}
design: {kind: experiment, probability: {folded: 0.5, expanded: 0.5}}
outcomes:
  - {column: converted, role: primary, kind: binary, better: higher, matters_from: 0.002}
  - {column: shipping_cost, role: guardrail, kind: cost, better: lower, limit: 0.05, unit: USD}
ratios:
  - {name: cost_per_order, numerator: shipping_cost, denominator: converted, better: lower}
covariates: [tenure_days, cart_value, distance_km, is_member, hour]
segments: [urbanicity, device, [urbanicity, device]]
graph: checkout.dot
estimators: [aipw, econml.CausalForestDML]
value: {currency: USD, per: {converted: 18.0, shipping_cost: -1.0}}
assigned: session_id
decision: {on: 2026-12-15, looks: scheduled}
schedule: {cron: "0 7 * * 1", timezone: Europe/London, due_within_hours: 12}
review: {required: true}
"""
MAPPING = parse_mapping(FOUNDING, name="study.yaml")
JARGON = (
    "pydantic",
    "Input should",
    "extra_forbidden",
    "ValidationError",
    "errors.pydantic",
)


def founding(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(MAPPING) | changes


def refused(mapping: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        study_from_mapping(mapping)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert not [word for word in JARGON if word in text]
    return text


def test_the_founding_study_loads(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(FOUNDING)
    for path in (tmp_path / "study.yaml", tmp_path):
        loaded = load_study(path)
        assert loaded.folder == tmp_path
        assert loaded.path == tmp_path / "study.yaml"
    spec = loaded.spec
    assert spec.segments == (("urbanicity",), ("device",), ("urbanicity", "device"))
    assert spec.decision.on == dt.date(2026, 12, 15)  # `on` is a key, not YAML's old "true"
    assert spec.design.probability == {"folded": 0.5, "expanded": 0.5}
    assert spec.primary.role == "primary"


def test_defaults_are_those_of_the_design() -> None:
    spec = study_from_mapping(
        {
            "study": "mail",
            "data": {"source": "m.csv"},
            "treatment": {"column": "sent", "control": 0},
            "outcomes": [{"column": "visit"}],
        }
    )
    assert (spec.design.kind, spec.seed, spec.folds, spec.level) == ("observational", 0, None, 0.95)
    assert (spec.estimators, spec.target, spec.freshness) == (("aipw",), "ate", "7d")
    assert spec.primary is spec.outcomes[0]
    assert spec.treatment.control == 0


def test_money_written_flat_means_the_same() -> None:
    flat = founding(value={"converted": 18.0, "shipping_cost": -1.0, "currency": "USD"})
    assert study_from_mapping(flat) == study_from_mapping(founding())


def test_a_frame_stands_in_for_the_source() -> None:
    mapping = founding(data={"where": "not is_bot"})
    del mapping["study"]
    spec = study_from_mapping(mapping, on_frame=True)
    assert spec.data is not None
    assert spec.data.where == "not is_bot"
    del mapping["data"]
    assert study_from_mapping(mapping, on_frame=True).data is None


def test_every_problem_is_told_at_once() -> None:
    wrong = founding(covariates="hour", folds="many", covariate=["x"], level=2)
    wrong["outcomes"][0]["mater_from"] = 0.1
    del wrong["data"]["source"]
    text = refused(wrong)
    for said in (
        "outcomes.0.mater_from is not a known key; did you mean 'matters_from'?",
        "covariate is not a known key; did you mean 'covariates'?",
        "data.source is missing",
        "covariates must be a list in square brackets, not 'hour'",
        "folds must be a whole number, not 'many'",
        "level must be below 1.0, not 2",
        "6 problems",
    ):
        assert said in text


def test_wrong_keys_do_not_hide_broken_rules() -> None:
    wrong = founding(study="site", covariate=["x"])
    text = refused(wrong)
    assert "covariate is not a known key" in text
    assert "study may not be called 'site'" in text


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("study", "My Study", "study must be lower-case letters, digits and hyphens"),
        ("study", "site", "may not be called 'site'"),
        ("question", ["a"], "question must be text, not a list of 1"),
        ("data", "x.csv", "data must be a block of `key: value` lines, not 'x.csv'"),
        ("treatment", {"column": "presentation"}, "treatment.control is missing"),
        (
            "treatment",
            {"column": "presentation", "control": ["folded"]},
            "treatment.control must be one level: text, a number, or true/false, not a list",
        ),
        (
            "treatment",
            {"column": "presentation", "control": "folded", "arms": ["folded", "expanded"]},
            "treatment.arms lists the control 'folded'",
        ),
        (
            "treatment",
            {"column": "presentation", "control": "folded", "arms": ["expanded", "expanded"]},
            "treatment.arms lists 'expanded' twice",
        ),
        (
            "treatment",
            {"column": "device", "control": "folded", "arms": ["expanded"]},
            "'device' is treatment and also used as a segment",
        ),
        (
            "treatment",
            {"column": "converted", "control": "folded", "arms": ["expanded"]},
            "'converted' is treatment and also used as an outcome",
        ),
        ("covariates", ["converted"], "'converted' is an outcome and also used as a covariate"),
        ("covariates", ["hour", "hour"], "covariates lists 'hour' twice"),
        ("covariates", ["session_id"], "'session_id' is the unit and also used as a covariate"),
        ("segments", [["device", "device"]], "segments.0 crosses 'device' with itself"),
        ("segments", ["device", "device"], "segments lists 'device' twice"),
        ("assigned", None, "assigned is missing: rows repeat by 'customer_id'"),
        ("design", {"kind": "breakpoint"}, "'breakpoint' is not available yet in this version"),
        ("design", {"kind": "experimnt"}, "design.kind must be one of 'experiment'"),
        (
            "design",
            {"kind": "experiment", "probability": {"folded": 0.5, "expand": 0.5}},
            r"gives chances for \['folded', 'expand'\]; it needs one for",
        ),
        (
            "design",
            {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.4}},
            "design.probability sums to 0.9, not 1",
        ),
        (
            "design",
            {"kind": "experiment", "probability": {"folded": 0.0, "expanded": 1.0}},
            "has a chance outside 0 to 1",
        ),
        (
            "design",
            {"kind": "experiment", "probability": "even"},
            "design.probability must be {arm: chance, …}.* or the word estimated, not 'even'",
        ),
        (
            "design",
            {
                "kind": "experiment",
                "probability": {
                    "column": "week",
                    "phases": {1: {"folded": 0.8, "expanded": 0.1}},
                },
            },
            "design.probability.phases.1 sums to 0.9, not 1",
        ),
        ("outcomes", [], "outcomes must be a list with at least 1 item"),
        ("outcomes", [{"column": "converted", "kind": "category"}], "'category' is not available"),
        (
            "outcomes",
            [{"column": "converted", "role": "guardrail", "limit": 1}, {"column": "shipping_cost"}],
            "No metric is primary: the first outcome is declared guardrail",
        ),
        (
            "outcomes",
            [{"column": "converted"}, {"column": "shipping_cost", "role": "guardrail"}],
            "outcomes.1.limit is missing: 'shipping_cost' is a guardrail",
        ),
        (
            "outcomes",
            [{"column": c, "role": "primary"} for c in ("converted", "shipping_cost")],
            "2 metrics are primary: converted, shipping_cost",
        ),
        (
            "outcomes",
            [{"column": "converted", "matters_from": 0}, {"column": "shipping_cost"}],
            "outcomes.0.matters_from must be above 0.0, not 0",
        ),
        (
            "ratios",
            [{"name": "r", "numerator": "shiping_cost", "denominator": "converted"}],
            "ratios.0.numerator 'shiping_cost' is not an outcome; did you mean 'shipping_cost'?",
        ),
        (
            "ratios",
            [{"name": "r", "numerator": "converted", "denominator": "converted"}],
            "ratios.0 divides 'converted' by itself",
        ),
        (
            "ratios",
            [{"name": "converted", "numerator": "shipping_cost", "denominator": "converted"}],
            "The name 'converted' stands for two metrics",
        ),
        (
            "ratios",
            [
                {
                    "name": "r",
                    "numerator": "shipping_cost",
                    "denominator": "converted",
                    "role": "guardrail",
                }
            ],
            "ratios.0.limit is missing: 'r' is a guardrail",
        ),
        (
            "value",
            {"currency": "USD", "per": {"convert": 1.0}},
            "value.per.convert is not an outcome; did you mean 'converted'?",
        ),
        (
            "value",
            {"currency": "USD", "per": {"converted": 1.0}, "arm_cost": {"expand": 1.0}},
            "value.arm_cost.expand is not an arm; did you mean 'expanded'?",
        ),
        (
            "value",
            {"currency": "USD", "per": {"converted": 1.0}, "units_per_month": "many"},
            "value.units_per_month must be a number above 0, or the word auto, not 'many'",
        ),
        ("decision", {"looks": "scheduled"}, "decision.on is missing: the looks are scheduled"),
        ("decision", {"on": "soon"}, "decision.on must be a date such as 2026-12-15, not 'soon'"),
        ("window", "4 weeks", "window must be a number of days, such as 28d, not '4 weeks'"),
        ("freshness", "soon", "freshness must be a number of days or hours"),
        ("target", "atee", "target must be one of 'ate', 'att' or 'overlap', not 'atee'"),
        ("seed", 1.5, "seed must be a whole number, not 1.5"),
        ("review", {"required": "perhaps"}, "review.required must be true or false"),
        (
            "schedule",
            {"cron": "0 7 * * 1", "timezone": "Europe/Londn"},
            "'Europe/Londn' is not a time zone; did you mean 'Europe/London'?",
        ),
        (
            "data",
            {"source": "x.parquet", "where": "converted = 1"},
            "data.where filters on 'converted', which is not settled before the treatment",
        ),
        ("data", {"source": "x.parquet", "where": "is_bot;"}, "unexpected ';' at character 7"),
    ],
)
def test_each_mistake_is_named(key: str, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        study_from_mapping(founding(**{key: value}))
    refused(founding(**{key: value}))


def test_a_window_needs_a_time() -> None:
    wrong = founding(window="28d")
    del wrong["time"]
    assert "time is missing: a window needs to know when" in refused(wrong)


@pytest.mark.parametrize("key", sorted(NOT_YET))
def test_keys_of_later_versions_are_no_typos(key: str) -> None:
    text = refused(founding(**{key: "something"}))
    assert f"{key} is a known key, but" in text
    assert "not available in this version" in text
    assert study_from_mapping(founding(**{key: []})) == study_from_mapping(founding())


@pytest.mark.parametrize("key", ["study", "data", "treatment", "outcomes"])
def test_a_missing_required_key_is_named(key: str) -> None:
    mapping = founding()
    del mapping[key]
    assert f"{key} is missing" in refused(mapping)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: a\nstudy: b", r"gives the key 'study' \(line 2\) twice"),
        ("data: {source: a, source: b}", r"gives the key 'source' \(line 1\) twice"),
        ("- a\n- b", "should hold `key: value` lines but holds a list"),
        ("", "should hold `key: value` lines but holds nothing"),
        ("a: [1", "is not valid YAML"),
        ("a: b\n\tc: d", "is not valid YAML"),
        ("a: !!python/object:os.system x", "is not valid YAML"),
        ("? [a]\n: b", "a key must be a single word"),
    ],
)
def test_text_that_is_no_study(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_study(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        load_study(tmp_path / "none.yaml")
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(UsageError, match="cannot be read as text"):
        load_study(tmp_path / "study.yaml")


def test_a_merged_block_may_be_overridden() -> None:
    text = "a: &x {k: 1, m: 2}\nb: {<<: *x, k: 3}"
    assert parse_mapping(text, name="x")["b"] == {"k": 3, "m": 2}


def test_scalars_keep_the_meaning_a_reader_expects() -> None:
    text = "{a: off, b: yes, c: true, d: 007, e: 1e-3, f: -2, g: 1:30, h: 2026-10-31, i: .5}"
    assert parse_mapping(text, name="x") == {
        "a": "off",
        "b": "yes",
        "c": True,
        "d": "007",
        "e": 0.001,
        "f": -2,
        "g": "1:30",
        "h": dt.date(2026, 10, 31),
        "i": 0.5,
    }


@given(st.sampled_from(sorted(StudySpec.model_fields)), st.data())
def test_any_misspelt_key_is_refused(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 1))
    misspelt = key[:at] + data.draw(st.sampled_from("qxz")) + key[at:]
    with pytest.raises(UsageError, match=f"{misspelt} is not a known key"):
        study_from_mapping(founding(**{misspelt: 1}))


@given(
    st.sampled_from(sorted(StudySpec.model_fields)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=4,
    ),
)
def test_no_value_of_any_key_crashes(key: str, value: Any) -> None:
    with contextlib.suppress(UsageError):
        study_from_mapping(founding(**{key: value}))


@pytest.mark.parametrize(
    ("value", "label"), [(False, "false"), (2.0, "2"), (2.5, "2.5"), ("a", "a")]
)
def test_arm_labels(value: object, label: str) -> None:
    assert arm_label(value) == label
