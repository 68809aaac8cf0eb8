"""The reading of an interval: a closed set, tested as data and as laws."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.contract.spec import OutcomeSpec, StudySpec
from whatif.effects.rows import EffectRow, EffectRows, Ends, HeterogeneityRow, Segment
from whatif.verdict.readings import read_difference, read_guardrail, readings
from whatif.verdict.record import Reading

D = 2.0  # matters from
G = 3.0  # limit
ends = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3))
intervals = st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))
positive = st.floats(0.01, 20).map(lambda x: round(x, 3))
DIFFERENCE = {
    Reading.BETTER,
    Reading.BETTER_PERHAPS,
    Reading.WORSE,
    Reading.WORSE_PERHAPS,
    Reading.NO_DIFFERENCE,
    Reading.NOT_CLEAR,
}
MIRROR = {
    Reading.BETTER: Reading.WORSE,
    Reading.BETTER_PERHAPS: Reading.WORSE_PERHAPS,
    Reading.WORSE: Reading.BETTER,
    Reading.WORSE_PERHAPS: Reading.BETTER_PERHAPS,
    Reading.NO_DIFFERENCE: Reading.NO_DIFFERENCE,
    Reading.NOT_CLEAR: Reading.NOT_CLEAR,
}
RANK = {
    Reading.OVER_LIMIT: 0,
    Reading.WORSE_LIMIT_NOT_RULED_OUT: 1,
    Reading.HARM_NOT_RULED_OUT: 2,
    Reading.WITHIN_LIMIT: 3,
}


@pytest.mark.parametrize(
    ("lo", "hi", "word"),
    [
        (-1.9, 1.9, "no_difference_that_matters"),
        (0.1, 1.9, "no_difference_that_matters"),  # tested first, although above zero
        (-1.9, -0.1, "no_difference_that_matters"),
        (2.0, 5.0, "better"),
        (2.0, 2.0, "better"),
        (0.1, 2.0, "better_perhaps"),
        (0.0, 2.0, "not_clear_yet"),
        (-5.0, -2.0, "worse"),
        (-2.0, -0.1, "worse_perhaps"),
        (-2.0, 0.0, "not_clear_yet"),
        (-2.0, 1.0, "not_clear_yet"),
        (-1.0, 2.0, "not_clear_yet"),
        (-9.0, 9.0, "not_clear_yet"),
        (-math.inf, math.inf, "not_clear_yet"),
        (2.0, math.inf, "better"),
    ],
)
def test_words_of_a_difference(lo: float, hi: float, word: str) -> None:
    assert read_difference(lo, hi, matters_from=D, better="higher") == word
    flipped = read_difference(-hi, -lo, matters_from=D, better="lower")
    assert flipped == word


@pytest.mark.parametrize(
    ("lo", "hi", "word"),
    [
        (0.1, 9.0, "better"),
        (-9.0, -0.1, "worse"),
        (-0.1, 0.1, "not_clear_yet"),
        (0.0, 0.0, "not_clear_yet"),
    ],
)
def test_without_a_minimum_only_the_sign_is_read(lo: float, hi: float, word: str) -> None:
    assert read_difference(lo, hi, matters_from=None, better="higher") == word


@pytest.mark.parametrize(
    ("lo", "hi", "word"),
    [
        (-2.9, -2.0, "within_limit"),  # worse, and proven to be within
        (-2.9, 9.0, "within_limit"),
        (-3.0, 1.0, "harm_not_ruled_out"),
        (-3.0, 0.0, "harm_not_ruled_out"),
        (-3.0, -0.1, "worse_limit_not_ruled_out"),
        (-5.0, -3.0, "worse_limit_not_ruled_out"),
        (-5.0, -3.1, "over_limit"),
    ],
)
def test_words_of_a_guardrail(lo: float, hi: float, word: str) -> None:
    assert read_guardrail(lo, hi, limit=G, better="higher") == word
    assert read_guardrail(-hi, -lo, limit=G, better="lower") == word


@given(intervals, positive)
def test_every_difference_has_one_reading_and_its_mirror(
    interval: tuple[float, float], delta: float
) -> None:
    lo, hi = interval
    here = read_difference(lo, hi, matters_from=delta, better="higher")
    assert here in DIFFERENCE
    assert read_difference(-hi, -lo, matters_from=delta, better="higher") is MIRROR[here]
    assert read_difference(lo, hi, matters_from=delta, better="lower") is MIRROR[here]


@given(intervals, positive)
def test_readings_are_exactly_the_published_conditions(
    interval: tuple[float, float], delta: float
) -> None:
    lo, hi = interval
    no_difference = -delta < lo and hi < delta
    holds = {
        Reading.NO_DIFFERENCE: no_difference,
        Reading.BETTER: lo >= delta,
        Reading.BETTER_PERHAPS: 0 < lo < delta and not no_difference,
        Reading.WORSE: hi <= -delta,
        Reading.WORSE_PERHAPS: -delta < hi < 0 and not no_difference,
    }
    true = [reading for reading, condition in holds.items() if condition]
    assert true == [read_difference(lo, hi, matters_from=delta, better="higher")] or (
        not true
        and read_difference(lo, hi, matters_from=delta, better="higher") is Reading.NOT_CLEAR
    )


@given(intervals, positive, st.floats(0, 30))
def test_a_better_interval_never_reads_worse(
    interval: tuple[float, float], limit: float, shift: float
) -> None:
    lo, hi = interval
    before = RANK[read_guardrail(lo, hi, limit=limit, better="higher")]
    assert RANK[read_guardrail(lo + shift, hi + shift, limit=limit, better="higher")] >= before
    assert RANK[read_guardrail(lo, hi, limit=limit + shift, better="higher")] >= before


@given(intervals, positive, st.floats(0, 30))
def test_shifting_up_moves_the_side_up(
    interval: tuple[float, float], delta: float, shift: float
) -> None:
    side = {Reading.WORSE: -1, Reading.WORSE_PERHAPS: -1, Reading.BETTER: 1}
    side[Reading.BETTER_PERHAPS] = 1
    lo, hi = interval
    here = read_difference(lo, hi, matters_from=delta, better="higher")
    moved = read_difference(lo + shift, hi + shift, matters_from=delta, better="higher")
    if side.get(here, 0) == 1:  # an interval this wide keeps its side as it moves away from zero
        assert side.get(moved, 0) == 1
    if side.get(moved, 0) == -1:
        assert side.get(here, 0) == -1


@pytest.mark.parametrize(("lo", "hi"), [(2.0, 1.0), (math.nan, 1.0), (0.0, math.nan)])
def test_what_is_not_an_interval_is_refused(lo: float, hi: float) -> None:
    with pytest.raises(ValueError, match="Not an interval"):
        read_difference(lo, hi, matters_from=D, better="higher")
    with pytest.raises(ValueError, match="Not an interval"):
        read_guardrail(lo, hi, limit=G, better="higher")


@pytest.mark.parametrize(("lo", "hi"), [(None, 1.0), (0.0, None), (None, None)])
def test_an_unbounded_end_is_refused(lo: float | None, hi: float | None) -> None:
    with pytest.raises(ValueError, match="unbounded end"):
        read_difference(lo, hi, matters_from=D, better="higher")
    with pytest.raises(ValueError, match="unbounded end"):
        read_guardrail(lo, hi, limit=G, better="lower")


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_minimum_and_limit_must_be_positive(bad: float) -> None:
    with pytest.raises(ValueError, match="matters_from must be positive"):
        read_difference(0.0, 1.0, matters_from=bad, better="higher")
    with pytest.raises(ValueError, match="limit must be positive"):
        read_guardrail(0.0, 1.0, limit=bad, better="higher")


SPEC = StudySpec.model_validate(
    {
        "study": "s",
        "treatment": {"column": "t", "control": "a"},
        "outcomes": [
            {"column": "y", "matters_from": D},
            {"column": "cost", "role": "guardrail", "better": "lower", "limit": G},
        ],
        "segments": ["device"],
    }
)
EVERYONE: Segment = ()
MOBILE: Segment = (("device", "mobile"),)


def row(
    outcome: str = "y",
    segment: Segment = EVERYONE,
    ci: Ends = (2.5, 3.5),
    band: Ends = (2.5, 3.5),
) -> EffectRow:
    return EffectRow(
        outcome=outcome,
        arm="b",
        versus="a",
        segment=segment,
        n=100,
        clusters=100,
        baseline=10.0,
        estimate=3.0,
        std_error=0.25,
        ci=ci,
        band=band,
        relative=None,
        shrunk=None,
        planned=True,
        estimator="aipw",
        family="f",
        critical=1.96,
        df=99,
        shown="shown",
    )


def f_test(p_value: float | None, outcome: str = "y") -> HeterogeneityRow:
    return HeterogeneityRow(
        outcome=outcome,
        arm="b",
        dimension=("device",),
        statistic=None if p_value is None else 5.0,
        p_value=p_value,
        df=(1, 90),
    )


def read(*rows: EffectRow, tests: tuple[HeterogeneityRow, ...] = ()) -> tuple[Reading, ...]:
    return readings(EffectRows(effects=rows, heterogeneity=tests, level=0.95), SPEC)


def test_overall_rows_are_read_from_the_interval_and_segments_from_the_band() -> None:
    overall = row(ci=(2.5, 3.5), band=(-9.0, 9.0))
    mobile = row(segment=MOBILE, ci=(2.5, 3.5), band=(1.0, 9.0))
    assert read(overall, mobile, tests=(f_test(0.01),)) == (
        Reading.BETTER,
        Reading.BETTER_PERHAPS,
    )


@pytest.mark.parametrize("p_value", [0.06, None])
def test_segments_inherit_unless_the_test_tells_them_apart(p_value: float | None) -> None:
    mobile = row(segment=MOBILE, band=(-9.0, -5.0))
    assert read(row(), mobile, tests=(f_test(p_value),)) == (Reading.BETTER, Reading.BETTER)
    assert read(row(), mobile) == (Reading.BETTER, Reading.BETTER)


def test_guardrails_are_read_against_their_limit() -> None:
    overall = row("cost", ci=(-1.0, 1.0))
    mobile = row("cost", segment=MOBILE, band=(4.0, 5.0))
    found = read(overall, mobile, tests=(f_test(0.001, "cost"),))
    assert found == (Reading.WITHIN_LIMIT, Reading.OVER_LIMIT)


def test_a_guardrail_without_a_limit_is_read_by_its_direction() -> None:
    spec = SPEC.model_copy(
        update={"outcomes": (SPEC.outcomes[0], OutcomeSpec(column="cost", role="guardrail"))}
    )
    effects = EffectRows(effects=(row("cost", ci=(1.0, 2.0)),), heterogeneity=(), level=0.95)
    assert readings(effects, spec) == (Reading.BETTER,)


def test_rows_that_are_not_shown_say_so_even_when_segments_do_not_differ() -> None:
    small = replace(row(segment=MOBILE), shown="suppressed", estimate=None, std_error=None)
    apart = replace(row(segment=MOBILE), shown="no_overlap", estimate=None, std_error=None)
    assert read(row(), small, apart)[1:] == (Reading.SUPPRESSED, Reading.NO_OVERLAP)


@pytest.mark.parametrize(
    "strange",
    [
        replace(row(), std_error=0.0),
        replace(row(), std_error=None),
        replace(row(), estimate=None),
        row(ci=(None, 3.0)),
        row(ci=(None, None)),
        replace(row(), planned=False),
    ],
    ids=["error-0", "no-error", "no-estimate", "ray", "all", "unplanned"],
)
@pytest.mark.parametrize("outcome", ["y", "cost"])
def test_what_cannot_be_read_is_not_clear(strange: EffectRow, outcome: str) -> None:
    assert read(replace(strange, outcome=outcome)) == (Reading.NOT_CLEAR,)


def test_a_segment_with_an_error_of_zero_does_not_inherit() -> None:
    assert read(row(), replace(row(segment=MOBILE), std_error=0.0))[1] is Reading.NOT_CLEAR


def test_a_shown_segment_does_not_inherit_a_suppressed_whole() -> None:
    hidden = replace(row(), shown="suppressed")
    assert read(hidden, row(segment=MOBILE)) == (Reading.SUPPRESSED, Reading.NOT_CLEAR)


@pytest.mark.parametrize(
    ("looks", "day", "word"),
    [
        ("once", dt.date(2026, 12, 14), Reading.NOT_CLEAR),
        ("scheduled", dt.date(2026, 12, 14), Reading.NOT_CLEAR),
        ("anytime", dt.date(2026, 12, 14), Reading.BETTER),
        ("once", dt.date(2026, 12, 15), Reading.BETTER),
        ("once", None, Reading.BETTER),
    ],
)
def test_nothing_is_read_before_the_decision_date(
    looks: str, day: dt.date | None, word: Reading
) -> None:
    decision = {"on": dt.date(2026, 12, 15), "looks": looks}
    spec = StudySpec.model_validate({**SPEC.model_dump(), "decision": decision})
    effects = EffectRows(effects=(row(),), heterogeneity=(), level=0.95)
    assert readings(effects, spec, as_of=day) == (word,)


def test_an_effect_on_an_undeclared_metric_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not declare: \['profit'\]"):
        read(row("profit"))
