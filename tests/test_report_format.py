"""Numbers, phrases, bars and the layout of the graph: what the page says, before it is a page."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_cases import EDGES, checkout_report, checkout_spec, effect
from whatif.effects.rows import EffectRow
from whatif.report import format as fmt
from whatif.report.bars import WIDTH, bar, shared_axis, symmetric_axis
from whatif.report.layout import draw
from whatif.report.measure import Measure, Phrase, measures, phrase

MEASURES = measures(checkout_report())
ends = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: abs(x) > 1e-6)


def said(name: str, row: EffectRow) -> Phrase:
    made = phrase(MEASURES[name], row)
    assert made is not None
    return made


def at(name: str, estimate: float, half: float, baseline: float = 0.3312) -> EffectRow:
    """Return an overall effect with this estimate and half width."""
    return replace(
        effect(name),
        estimate=estimate,
        baseline=baseline,
        ci=(estimate - half, estimate + half),
        relative=None,
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            at("converted", 0.012, 0.003),
            "about 12 more orders per 1,000 sessions (likely range 9 to 15; 331 → 343)",
        ),
        (
            at("converted", -0.012, 0.003),
            "about 12 fewer orders per 1,000 sessions (likely range 9 to 15 fewer; 331 → 319)",
        ),
        (
            at("converted", 0.001, 0.003),
            "about 1 more order per 1,000 sessions (likely range 2 fewer to 4 more; 331 → 332)",
        ),
        (
            at("converted", 0.0001, 0.003),
            "no change in orders per 1,000 sessions (likely range 3 fewer to 3 more; 331 → 331)",
        ),
        (
            at("converted", 0.003, 0.0015, 0.045),
            "about 3.0 more orders per 1,000 sessions (likely range 1.5 to 4.5; 45.0 → 48.0)",
        ),
        (
            replace(at("converted", 0.012, 0.003), ci=(0.009, None)),
            "about 12.0 more orders per 1,000 sessions (likely range at least 9.0 more; "
            "331.2 → 343.2)",
        ),
        (
            replace(at("converted", 0.012, 0.003), ci=(None, None)),
            "about 12 more orders per 1,000 sessions (likely range not bounded; 331 → 343)",
        ),
    ],
)
def test_shares_are_told_per_thousand(row: EffectRow, words: str) -> None:
    assert str(said("converted", row).sentence) == words


def test_costs_and_ratios_are_told_in_their_currency() -> None:
    cost = str(said("shipping_cost", at("shipping_cost", -0.12, 0.05, 1.74)).sentence)
    assert cost.replace(fmt.NBSP, " ") == (
        "about USD 0.12 less per session (likely range 0.07 to 0.17 less; USD 1.74 → 1.62)"
    )
    ratio = said("cost_per_order", effect("cost_per_order"))
    assert ratio.change.replace(fmt.NBSP, " ") == "USD 0.12 more"
    assert ratio.relative.replace(fmt.NBSP, " ") == "+2.2 %"
    assert MEASURES["cost_per_order"].per == "per order"


def test_nouns_come_from_the_study() -> None:
    plain = checkout_spec(
        ratios=[],
        outcomes=[
            {"column": "visit", "kind": "binary"},
            {"column": "boxes", "kind": "count", "unit": "box", "per": "order"},
        ],
        unit="customer_id",
    )
    by_name = measures(checkout_report(spec=plain, kinds=()))
    assert (by_name["visit"].many, by_name["visit"].per) == (
        "",
        "per 1,000 customers",
    )
    assert (by_name["boxes"].many, by_name["boxes"].fewer, by_name["boxes"].per) == (
        "boxes",
        "fewer",
        "per order",
    )


def test_kinds_that_the_design_resolved_win() -> None:
    spec = checkout_spec(ratios=[], outcomes=[{"column": "converted"}])
    assert measures(checkout_report(spec=spec))["converted"].factor == 1000
    assert measures(checkout_report(spec=spec, kinds=()))["converted"].factor == 1


@given(low=ends, width=st.floats(1e-3, 1e6))
def test_a_printed_end_never_crosses_zero(low: float, width: float) -> None:
    high = low + width
    places = fmt.decimals(low, high)
    for end in (low, high):
        shown = round(end, fmt.end_decimals(end, places))
        assert shown * end >= 0
        assert shown != 0 or abs(end) < width / 100


@given(low=ends, width=st.floats(1e-3, 1e6))
def test_the_last_digit_is_at_most_a_quarter_of_the_range(low: float, width: float) -> None:
    assert 10.0 ** -fmt.decimals(low, low + width) <= max(width / 4 * (1 + 1e-9), 1.0)


@given(st.floats(-1e9, 1e9), st.integers(-3, 6))
def test_numbers_have_a_true_minus_and_never_minus_zero(value: float, places: int) -> None:
    text = fmt.number(value, places)
    assert "-" not in text
    assert not re.fullmatch(f"{fmt.MINUS}[0.,]+", text)


def test_small_words() -> None:
    assert fmt.plain(-12345.6) == f"{fmt.MINUS}12,346"
    assert fmt.plain(None) == fmt.DASH
    assert fmt.plain_range(None, 2.0) == f"{fmt.MINUS}∞ to 2"
    assert fmt.plain_range(None, None) == fmt.DASH
    assert fmt.p_value(0.0004) == "< 0.001"
    assert fmt.p_value(None) == fmt.DASH
    assert fmt.level_percent(0.95) == "95 %"
    assert fmt.day(dt.date(2026, 9, 7)) == "7 Sep 2026"
    assert fmt.moment("2026-11-09T20:00:00+01:00") == "9 Nov 2026, 19:00 UTC"
    assert fmt.human("</b>_x") == "</b>_x"
    assert fmt.human(True) == "True"
    assert fmt.singular_unit("session_id") == "session"
    assert fmt.singular_unit(None) == "row"


def measure(**changes: object) -> Measure:
    return replace(MEASURES["cost_per_order"], **changes)  # type: ignore[arg-type]


def test_limits_stand_on_the_harmful_side() -> None:
    assert measure().harm() == 0.25
    assert measure(better="higher").harm() == -0.25
    assert measure(limit=None).harm() is None


def test_bars_keep_zero_in_the_middle_and_everything_inside() -> None:
    row = effect("cost_per_order")
    axis = symmetric_axis(measure(), [row.ci])
    drawn = bar(row, axis)
    assert drawn is not None
    assert drawn.point is not None
    assert axis.at(0.0) == WIDTH / 2
    assert 0 < drawn.left < drawn.point < drawn.right < axis.at(0.25) < WIDTH
    assert not drawn.open_left
    assert not drawn.open_right


def test_ranges_without_an_end_become_arrows() -> None:
    row = replace(effect("cost_per_order"), ci=(None, 0.2))
    axis = symmetric_axis(measure(), [row.ci])
    drawn = bar(row, axis)
    assert drawn is not None
    assert drawn.open_left
    assert not drawn.open_right


def test_one_wild_range_does_not_flatten_a_table() -> None:
    rows = [(0.01, 0.03), (0.00, 0.02), (-0.01, 0.02), (-9.0, 9.0)]
    axis = shared_axis(measure(limit=None, matters_from=None), rows)
    assert axis.high - axis.low < 2
    assert axis.beyond(-9.0, left=True)
    assert axis.beyond(9.0, left=False)


def test_an_axis_without_ranges_is_still_one() -> None:
    for axis in (
        shared_axis(measure(limit=None, matters_from=None), []),
        symmetric_axis(measure(limit=None, matters_from=None), []),
    ):
        assert axis.low < 0 < axis.high


def test_arrows_run_from_left_to_right_and_boxes_do_not_overlap() -> None:
    drawing = draw(EDGES, ("alone",))
    at_name = {node.full: node for node in drawing.nodes}
    assert set(at_name) == {name for edge in EDGES for name in edge} | {"alone"}
    for cause, result in EDGES:
        assert at_name[cause].x + at_name[cause].width < at_name[result].x
    boxes = list(drawing.nodes)
    for i, a in enumerate(boxes):
        assert a.x >= 0
        assert a.y >= 0
        assert a.x + a.width <= drawing.width
        assert a.y + a.height <= drawing.height
        for b in boxes[i + 1 :]:
            assert a.x != b.x or abs(a.y - b.y) >= a.height
    assert draw(tuple(reversed(EDGES)), ("alone",)) == drawing


def test_long_names_are_cut_in_the_drawing_only() -> None:
    (cause, _) = draw((("a" * 60, "b"),)).nodes
    assert cause.full == "a" * 60
    assert len(cause.label) == 22


def test_a_cycle_cannot_be_laid_out() -> None:
    with pytest.raises(ValueError, match="form a cycle"):
        draw((("a", "b"), ("b", "a")))


def test_a_document_pairs_every_effect_with_its_reading() -> None:
    report = checkout_report()
    verdict = replace(report.verdict, readings=report.verdict.readings[1:])
    with pytest.raises(ValueError, match="54 effects but 53 readings"):
        replace(report, verdict=verdict)
    with pytest.raises(ValueError, match="no offset from UTC"):
        replace(report, next_due="2026-11-09T19:00:00")


def test_ends_get_digits_only_where_a_reading_turns() -> None:
    row = replace(effect("cost_per_order"), estimate=-0.16, ci=(-0.2504, -0.06))
    assert said("cost_per_order", row).spread == "0.06 to 0.25 less"  # far from harm
    row = replace(row, estimate=0.16, ci=(0.07, 0.2496))
    assert said("cost_per_order", row).spread == "0.07 to 0.2496"  # within the limit, barely
