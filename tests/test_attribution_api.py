"""Why a number moved, as a user asks: days, two runs, words, and what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi
from whatif.api.attribution import AttributionTable, attribution_table
from whatif.contract.spec import DataSpec
from whatif.run.attribution import When, attribution
from whatif.verdict import attribution_wording as words

KEYS: dict[str, Any] = {
    "unit": "session",
    "cluster": "customer",
    "assigned": "session",
    "time": "at",
    "treatment": {"column": "arm", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"column": "chance"}},
    "outcomes": [
        {"column": "converted", "role": "primary", "kind": "binary"},
        {"column": "cost", "kind": "cost", "better": "lower", "unit": "USD"},
    ],
    "ratios": [
        {"name": "cost_per_order", "numerator": "cost", "denominator": "converted", "unit": "USD"}
    ],
    "segments": ["device", ["region", "device"]],
    "freshness": "3650d",
    "learners": ["glm"],
    "folds": 2,
}
SPLIT = "2026-10-01"


def _log(n: int = 6_000, seed: int = 0) -> pd.DataFrame:
    """Sixty days; from October on more mobile, more expanded options and dearer parcels."""
    rng = np.random.default_rng(seed)
    day = np.arange(n) % 60
    later = day >= 30
    customer = rng.integers(0, n // 4, n)
    mobile = rng.uniform(size=n) < np.where(later, 0.7, 0.4)
    share = np.where(later, 0.6, 0.3)
    expanded = rng.uniform(size=n) < share
    taste = rng.normal(size=n // 4)[customer]
    converted = (taste + rng.normal(size=n) + 0.3 * expanded > 0.2).astype(float)
    cost = converted * (4.0 + 2.0 * mobile + expanded + 0.5 * later + 0.5 * rng.normal(size=n))
    return pd.DataFrame(
        {
            "session": [f"s{i:05d}" for i in range(n)],
            "customer": customer,
            "at": pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(day, "D"),
            "arm": np.where(expanded, "expanded", "folded"),
            "chance": np.where(expanded, share, 1 - share),
            "device": np.where(mobile, "mobile", "desktop"),
            "region": rng.choice(["far", "near"], n),
            "converted": converted,
            "cost": cost,
        }
    )


def _run(log: pd.DataFrame, **changes: object) -> wi.Answer:
    return wi.study(log, name="moved", **{**KEYS, **changes}).run(quick=True)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return _log()


@pytest.fixture(scope="module")
def answer(log: pd.DataFrame) -> wi.Answer:
    return _run(log)


@pytest.fixture(scope="module")
def september(log: pd.DataFrame) -> wi.Answer:
    return _run(log[log["at"] < pd.Timestamp(SPLIT, tz="UTC")])


def _kept(answer: wi.Answer, rows: Any) -> wi.Answer:
    """Return the answer as a run of some of its rows would have left it, models aside."""
    scores = answer.scores
    cut = {name: getattr(scores, name)[rows] for name in ("gamma", "mass", "arm", "y", "weight")}
    cluster = pd.factorize(scores.cluster[rows])[0].astype(np.int64)
    columns, unit = (part[rows].reset_index(drop=True) for part in (scores.columns, scores.unit))
    return replace(
        answer, scores=replace(scores, cluster=cluster, columns=columns, unit=unit, **cut)
    )


def _estimates(table: AttributionTable) -> dict[str, tuple[float, float]]:
    return {row.part: (row.estimate, row.std_error) for row in table}


def test_each_part_finds_what_was_planted(answer: wi.Answer, log: pd.DataFrame) -> None:
    table = answer.attribution("cost_per_order", split=SPLIT)
    later = log["at"] >= pd.Timestamp(SPLIT, tz="UTC")
    levels = [
        log.loc[side, "cost"].sum() / log.loc[side, "converted"].sum() for side in (~later, later)
    ]
    assert (table.found.earlier, table.found.later) == pytest.approx(levels, rel=1e-12)
    planted = {"mix": 0.6, "treatment_share": 0.3, "mechanism": 0.5}
    for row in table:
        assert row.df == min(table.found.clusters) - 1
        if row.part in planted:
            assert abs(row.estimate - planted[row.part]) < 3 * row.std_error
            assert row.std_error < 0.06
    measured = table.records[-1]
    assert measured.ci[0] < 0.3 < measured.ci[1]
    assert [row.kind for row in table] == ["observed", *3 * ["accounting"], "causal"]
    assert len(table.found.segments) == 4


def test_the_measured_effect_is_the_change_of_shares_times_the_effects(answer: wi.Answer) -> None:
    table = answer.attribution("cost", split=SPLIT, by="device")
    scores = answer.scores
    later = np.asarray(scores.columns["at"] >= pd.Timestamp(SPLIT, tz="UTC"))
    mobile = np.asarray(scores.columns["device"] == "mobile")
    gain = scores.gamma[:, 1, 1] - scores.gamma[:, 0, 1]
    expected = 0.0
    for place in (mobile, ~mobile):
        share = (place[later].mean() + place[~later].mean()) / 2
        moved = (scores.arm[place & later] == 1).mean() - (scores.arm[place & ~later] == 1).mean()
        expected += share * moved * gain[place].mean()
    assert table.records[-1].estimate == pytest.approx(expected, rel=1e-10)


def test_an_older_run_gives_what_a_cut_in_time_gives(
    answer: wi.Answer, september: wi.Answer
) -> None:
    for outcome in ("converted", "cost", "cost_per_order"):
        cut = answer.attribution(outcome, split=SPLIT)
        runs = answer.attribution(outcome, since=september)
        for name, (estimate, error) in _estimates(cut).items():
            if name != "measured_effect_of_shares":
                found = _estimates(runs)[name]
                assert found == pytest.approx((estimate, error), rel=1e-9)
        assert (runs.found.n, runs.found.clusters) == (cut.found.n, cut.found.clusters)
        assert runs.found.unlinked == 0


def test_a_unit_in_both_runs_counts_in_the_earlier_period_only(
    log: pd.DataFrame, answer: wi.Answer
) -> None:
    middle = _kept(answer, (log["at"] < pd.Timestamp("2026-10-11", tz="UTC")).to_numpy())
    runs = answer.attribution("cost", since=middle)
    cut = answer.attribution("cost", split="2026-10-11")
    assert runs.found.n == cut.found.n == (4_000, 2_000)
    assert _estimates(runs)["mix"] == pytest.approx(_estimates(cut)["mix"], rel=1e-9)


def test_a_unit_that_stands_twice_in_the_later_run_is_not_half_new(
    answer: wi.Answer, september: wi.Answer
) -> None:
    unit = answer.scores.unit.copy()
    unit.iloc[1] = unit.iloc[0]
    twice = replace(answer, scores=replace(answer.scores, unit=unit))
    assert twice.attribution("cost", since=september).found.n == (3_000, 3_000)


def test_runs_without_a_unit_in_common_say_what_they_do_not_know(
    log: pd.DataFrame, september: wi.Answer, answer: wi.Answer
) -> None:
    october = _kept(answer, (log["at"] >= pd.Timestamp(SPLIT, tz="UTC")).to_numpy())
    runs = october.attribution("cost", since=september)
    cut = answer.attribution("cost", split=SPLIT)
    assert runs.records[0].estimate == pytest.approx(cut.records[0].estimate, rel=1e-10)
    assert runs.found.unlinked == runs.found.clusters[0]
    assert "have no unit in the later one" in runs.note
    assert runs.records[0].std_error > cut.records[0].std_error


def test_ranges_of_days_and_days_of_any_kind(answer: wi.Answer, log: pd.DataFrame) -> None:
    one = answer.attribution("cost", split=dt.date(2026, 10, 1))
    other = answer.attribution(
        "cost", before=("2026-09-01", "2026-09-30"), after=(SPLIT, "2026-12-31")
    )
    assert _estimates(one) == _estimates(other)
    narrow = answer.attribution(
        "cost", split=pd.Timestamp(SPLIT), before=("2026-09-11", dt.date(2026, 9, 20))
    )
    assert narrow.found.n == (1_000, 3_000)
    assert narrow.found.later == one.found.later
    inside = log["at"].between("2026-09-11", "2026-09-20 23:59")
    assert narrow.found.earlier == pytest.approx(log.loc[inside, "cost"].mean(), rel=1e-12)


def test_a_day_begins_in_the_studys_zone(log: pd.DataFrame) -> None:
    late = log.assign(at=log["at"] + pd.Timedelta(hours=23))
    schedule = {"cron": "0 7 * * 1", "timezone": "Asia/Tokyo"}
    found = _run(late, schedule=schedule).attribution("cost", split=SPLIT).found
    assert found.n == (2_900, 3_100)


def test_the_sentence_and_what_a_reader_must_know(answer: wi.Answer) -> None:
    table = answer.attribution("cost_per_order", split=SPLIT)
    text = str(table)
    opening = (
        "From 1 October 2026 on, compared with before, cost per order rose by about USD\u00a01."
    )
    assert text.startswith(opening)
    for piece in (
        "likely range",
        "because the mix of segments changed",
        "because the arms\u2019 shares changed",
        "within a segment and arm",
        "say where the move sits, not what caused it",
        "Only the last row is causal",
        "add up to the total; their ranges do not",
        "all units (session) in the data; 3,000 earlier, 3,000 later",
    ):
        assert piece in text
    back = answer.attribution(
        "converted", before=("2026-09-01", "2026-09-30"), after=(SPLIT, "2026-10-05")
    )
    assert back.sentence.startswith(
        "In 1–5 October 2026, compared with 1–30 September 2026, converted "
    )
    assert "per 1,000 units" in back.sentence
    assert words.CHANCE in back.sentence
    assert "cost per order rose" in table._repr_html_()
    assert table.to_frame().loc[0, "part"] == "total"


def test_without_segments_the_mix_is_one_cell(log: pd.DataFrame) -> None:
    table = _run(log, segments=[]).attribution("cost", split=SPLIT)
    assert _estimates(table)["mix"] == (0.0, 0.0)
    assert words.NO_SEGMENTS in table.note
    assert words.BECAUSE["mix"] not in table.sentence


def test_small_absent_and_few_are_said(log: pd.DataFrame, answer: wi.Answer) -> None:
    rare = log.copy()
    rare.loc[rare.index[:30], "region"] = "isle <b>"
    gone = (rare["at"] < pd.Timestamp(SPLIT, tz="UTC")) & (rare["region"] == "far")
    table = _run(rare[~gone]).attribution("cost", split=SPLIT)
    assert "segments are too small" in table.note
    assert "Nobody came in the earlier period from region far" in table.note
    assert "<b>" not in table._repr_html_()
    few = replace(answer, scores=replace(answer.scores, cluster=np.arange(len(log)) % 8))
    table = few.attribution("cost", split=SPLIT)
    assert words.NO_RANGES in table.note
    assert "likely range" not in table.sentence


def test_a_stored_run_answers_like_a_fresh_one(
    log: pd.DataFrame, answer: wi.Answer, september: wi.Answer, tmp_path: Path
) -> None:
    wi.study(log, name="moved", **KEYS).run(quick=True, out=tmp_path)
    stored = wi.load("moved", out=tmp_path)
    for asked in ({"split": SPLIT}, {"since": september}):
        assert stored.folder is not None
        one, other = (one.attribution("cost", **asked) for one in (stored, answer))
        assert (one.records, one.note) == (other.records, other.note)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"outcome": "cots"}, "There is no outcome or ratio 'cots'"),
        ({"by": "region"}, "'region' is not a declared segment"),
        ({"split": "2026-08-01"}, "No unit is in the earlier period; the data run from 2026-09-01"),
        ({"split": "2027-08-01"}, "No unit is in the later period"),
        ({"split": "October"}, "'October' is not a day"),
        ({"split": 20261001}, "20261001 is not a day"),
        ({"split": None}, "No periods are named"),
        ({"split": None, "before": ("2026-09-01", "2026-09-09")}, "No periods are named"),
        ({"before": ("2026-09-01", SPLIT)}, "ends on 2026-10-01, the later one begins"),
        ({"after": ("2026-09-20", "2026-10-20")}, "and the split is 2026-10-01"),
        ({"after": ("2026-10-20", "2026-10-02")}, "cannot begin on 2026-10-20 and end on"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    answer: wi.Answer, asked: dict[str, Any], match: str
) -> None:
    question = {"outcome": "cost", "split": SPLIT} | asked
    with pytest.raises(wi.UsageError, match=match):
        answer.attribution(**question)


def test_runs_that_cannot_be_compared_are_refused(
    answer: wi.Answer, september: wi.Answer, log: pd.DataFrame
) -> None:
    with pytest.raises(wi.UsageError, match="None of the 3,000 units of the later run is new"):
        september.attribution("cost", since=answer)
    with pytest.raises(wi.UsageError, match="`since` compares two runs"):
        answer.attribution("cost", since=september, split=SPLIT)
    other = replace(september, spec=september.spec.model_copy(update={"study": "another"}))
    with pytest.raises(wi.UsageError, match=r"not of one study .study: another then, moved now"):
        answer.attribution("cost", since=other)
    far = DataSpec(source="log.parquet", where="region == 'far'")
    other = replace(september, spec=september.spec.model_copy(update={"data": far}))
    with pytest.raises(wi.UsageError, match="where: region == 'far' then, None now"):
        answer.attribution("cost", since=other)
    three = replace(september, scores=replace(september.scores, arms=("folded", "tabs")))
    with pytest.raises(wi.UsageError, match=r"arms: .*tabs.* then"):
        answer.attribution("cost", since=three)
    nameless = [
        replace(one, spec=one.spec.model_copy(update={"unit": None})) for one in (answer, september)
    ]
    with pytest.raises(wi.UsageError, match="names no unit"):
        nameless[0].attribution("cost", since=nameless[1])


def test_no_time_column_and_another_target_are_refused(
    answer: wi.Answer, september: wi.Answer
) -> None:
    timeless = replace(answer, spec=answer.spec.model_copy(update={"time": None}))
    with pytest.raises(wi.UsageError, match="names no time column"):
        timeless.attribution("cost", split=SPLIT)
    treated = replace(september, scores=replace(september.scores, target="att"))
    for one, since in ((treated, None), (answer, treated)):
        with pytest.raises(wi.UsageError, match="target is 'att'"):
            one.attribution("cost", split=None if since else SPLIT, since=since)


def test_a_fall_tells_the_range_of_the_table(log: pd.DataFrame) -> None:
    calm = log.assign(cost=log["cost"] - 1.95 * log["converted"] * (log.index % 60 >= 30))
    table = _run(calm).attribution("cost", split=SPLIT)
    low, high = table.records[0].ci
    assert table.records[0].estimate < 0
    side = (
        f"{abs(low):.3f} less to {high:.3f} more" if high > 0
        else f"{abs(high):.3f} to {abs(low):.3f} less"
    )  # fmt: skip
    assert "cost fell by about USD" in table.sentence
    assert f"per unit (likely range {side})" in table.sentence


def test_periods_begin_the_sentence(answer: wi.Answer, september: wi.Answer) -> None:
    narrow = answer.attribution("cost", split=SPLIT, before=("2026-09-11", "2026-09-20"))
    assert narrow.sentence.startswith(
        "From 1 October 2026 on, compared with 11–20 September 2026, cost rose by about USD"
    )
    runs = answer.attribution("cost", since=september)
    assert runs.sentence.startswith(
        "Among units that are new since the earlier run, compared with that run, cost rose"
    )


def test_a_cut_measured_after_the_treatment_is_refused(answer: wi.Answer) -> None:
    with pytest.raises(wi.UsageError, match="'converted' is measured after the treatment") as one:
        answer.attribution("cost", split=SPLIT, by=["converted"])
    assert "would count as mix what the treatment did" in str(one.value)
    assert "cut by what is known before: device; region × device" in str(one.value)
    assert "add it to `segments`" not in str(one.value)
    with pytest.raises(wi.UsageError, match="'arm' is the treatment, which has a part of its own"):
        answer.attribution("cost", split=SPLIT, by="arm")


def test_a_withheld_run_says_so_first(answer: wi.Answer) -> None:
    moved, others = attribution(
        answer.scores, answer.spec, "cost", when=When(split=SPLIT), since=None, by=None,
        opinion=False,
    )  # fmt: skip
    table = attribution_table(moved, others, answer.scores, answer.spec, "cost", withheld=True)
    first = "This run\u2019s verdict is withheld: its numbers cannot be trusted. Mix, treatment"
    assert table.note.startswith(first)
    said = "withheld" in answer.attribution("cost", split=SPLIT).note
    assert said == (answer.verdict.decision == "cannot_be_trusted")
    plain = attribution_table(moved, others, answer.scores, answer.spec, "cost")
    assert "withheld" not in plain.note
