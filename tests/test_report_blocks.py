"""Every block a page can have: looks, targets, bounds, cuts after looking, populations, models."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report_blocks import bounds, everything_report, treated_report
from tests.report_cases import checkout_report, checkout_spec, effect
from tests.test_report_html import Page, with_effects
from whatif.base.errors import Notice, Problem
from whatif.effects.rows import EffectRows
from whatif.report.answer_json import answer_json
from whatif.report.bars import WIDTH, bar, bounds_bar, symmetric_axis
from whatif.report.document import Report
from whatif.report.estimates_csv import estimates_csv
from whatif.report.format import NBSP
from whatif.report.html import render_html
from whatif.report.measure import between_words, measures
from whatif.report.plotly_figures import effects_figure
from whatif.report.text import headline_number, render_text
from whatif.report.view_metrics import metric_tables
from whatif.verdict.record import Decision

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "answer.v1.json"


def text_of(report: Report, **where: str) -> str:
    return Page(render_html(report)).text(**where).replace(NBSP, " ")


# ---- looks


def test_printed_and_drawn_ranges_are_those_of_every_look() -> None:
    row = replace(effect("converted"), sequential=(-0.004, 0.028))
    report = with_effects(
        checkout_report(opinions=(), spec=checkout_spec(decision={"looks": "anytime"})),
        EffectRows(effects=(row,), heterogeneity=(), level=0.95),
    )
    shown = text_of(report, outside="details.")
    assert "(likely range 4 fewer to 28 more; 331 → 343, up 3.7 %)" in shown
    assert "These ranges hold however often one looks at the results." in shown
    assert "9 to 15" not in shown
    assert "4 fewer to 28 more" in render_text(report)
    assert "4 fewer to 28 more" in headline_number(report)
    drawn = metric_tables(report, measures(report))[0].rows[0].bar
    assert drawn == bar(row, symmetric_axis(measures(report)["converted"], [(-0.004, 0.028)]))
    (trace,) = effects_figure([row]).data
    assert trace.error_x["arrayminus"][0] == pytest.approx(0.0121 + 0.004)
    appendix = text_of(report, inside="details.")
    assert "Errors, intervals and tests in this part are those of a single look." in appendix
    assert "Range at all looks" in appendix
    assert "0.008964 to 0.01524 −0.004 to 0.028" in appendix


def test_a_segment_prints_its_range_of_every_look() -> None:
    cell = replace(effect("converted", (("device", "mobile"),), share=0.6), sequential=(-0.5, 0.5))
    report = with_effects(
        checkout_report(opinions=(), spec=checkout_spec(decision={"looks": "anytime"})),
        EffectRows(effects=(effect("converted"), cell), heterogeneity=(), level=0.95),
    )
    assert "−500 to +500" in text_of(report, outside="details.")


def test_scheduled_looks_name_their_days_and_one_look_says_nothing() -> None:
    decision = {"looks": "scheduled", "on": "2026-11-30", "every": "7d"}
    report = checkout_report(spec=checkout_spec(decision=decision))
    assert "at all looks together: one every 7 days, the last on 30 Nov 2026." in text_of(report)
    once = text_of(checkout_report())
    assert "These ranges hold" not in once
    assert "single look" not in once


def test_money_before_the_first_look_is_not_bounded_and_break_even_is_for_one_look() -> None:
    money = checkout_report().money
    assert money is not None
    spec = checkout_spec(decision={"looks": "anytime"})
    report = checkout_report(spec=spec, money=replace(money, ci=(None, None)))
    shown = text_of(report, outside="details.")
    assert "a month (likely range not bounded) if all of" in shown
    assert "more than USD 8 (likely range 6 to 12 at a single look)" in shown
    assert "(likely range 6 to 12)" in text_of(checkout_report(), outside="details.")


# ---- three numbers on cost


def test_the_three_costs_stand_together_with_what_the_bounds_assume() -> None:
    report = checkout_report(bounds=(bounds(),))
    (table,) = metric_tables(report, measures(report))
    assert [row.label for row in table.rows] == [
        "Converted",
        "Cost per order",
        "Shipping cost",
        "Cost per order, same sessions",
    ]
    last = table.rows[-1]
    assert last.change.replace(NBSP, " ") == "USD 0.06 less to 0.24 more"
    assert last.spread == "0.13 less to 0.32 more"
    assert last.note == "bounds for sessions with an order under either arm"
    assert last.reading.words == "bounds only"
    shown = text_of(report, outside="details.")
    assert "within each segment the arm moves orders one way only, which no data can test." in shown
    assert "−0.061 to 0.243" in text_of(report, inside="details.")
    assert "8 of 10" in text_of(report, inside="details.")


def test_a_cost_moves_next_to_its_ratio_and_nothing_else_moves() -> None:
    outcomes = [
        {"column": "converted", "kind": "binary", "role": "primary"},
        {"column": "returns", "role": "guardrail"},
        {"column": "visits"},
        {"column": "shipping_cost", "kind": "cost", "unit": "USD", "better": "lower"},
    ]
    rows = [effect(name) for name in ("converted", "shipping_cost", "cost_per_order")]
    rows += [replace(effect("converted"), outcome=name) for name in ("returns", "visits")]
    report = with_effects(
        checkout_report(spec=checkout_spec(outcomes=outcomes), opinions=(), quality=()),
        EffectRows(effects=tuple(rows), heterogeneity=(), level=0.95),
    )

    def order(made: Report) -> list[str]:
        return [row.label for row in metric_tables(made, measures(made))[0].rows]

    assert order(report) == ["Converted", "Returns", "Cost per order", "Visits", "Shipping cost"]
    assert order(replace(report, bounds=(bounds(),))) == [
        "Converted",
        "Returns",
        "Cost per order",
        "Shipping cost",
        "Cost per order, same sessions",
        "Visits",
    ]


def test_bounds_are_drawn_on_the_axis_of_their_ratio_and_run_out_of_it() -> None:
    axis = symmetric_axis(measures(checkout_report())["cost_per_order"], [(0.03, 0.2)])
    drawn = bounds_bar(bounds(ci=(-0.9, 0.318)), axis)
    assert drawn is not None
    assert drawn.point is None
    assert drawn.open_left
    assert drawn.bounds is not None
    assert 0 < drawn.left < drawn.bounds[0] < drawn.bounds[1] <= drawn.right < WIDTH
    assert bounds_bar(bounds(shown="suppressed"), axis) is None


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.061, 0.243), "USD 0.06 to 0.24 more"),
        ((-0.243, -0.061), "USD 0.06 to 0.24 less"),
        ((-0.061, 0.243), "USD 0.06 less to 0.24 more"),
    ],
)
def test_bounds_say_which_way(ends: tuple[float, float], words: str) -> None:
    measure = measures(checkout_report())["cost_per_order"]
    said, _ = between_words(measure, ends, (-0.5, 0.5))
    assert said.replace(NBSP, " ").replace("0.061", "0.06").replace("0.243", "0.24") == words


def test_bounds_too_small_to_show_have_no_numbers_and_impossible_ones_say_why() -> None:
    small = checkout_report(bounds=(bounds(shown="suppressed"),))
    shown = text_of(small)
    assert "0.243" not in shown
    assert "USD 0.06 less" not in shown
    assert shown.count("too few to show") == 5  # three segments, the row, the appendix
    assert "one way only" not in shown
    mixed = text_of(checkout_report(bounds=(bounds(shown="not_only_among"),)))
    assert "same sessions" not in mixed
    assert "also counted without one, so it cannot be told" in mixed


# ---- whom numbers speak of


def test_a_target_other_than_everyone_stands_next_to_the_numbers() -> None:
    who = "sessions that got another arm than folded"
    shown = text_of(treated_report(), outside="details.")
    assert f"Speaks of {who}" in shown
    assert f"Converted, averaged over {who}: about 12 more orders" in shown
    assert f"expanded instead of folded: {who}" in shown
    assert "if all of 108,700 such sessions a month got expanded" in shown
    appendix = text_of(treated_report(), inside="details.")
    assert f"Among {who}, the average of converted" in appendix
    assert f"att: {who}" in appendix
    assert "can be told for everyone only" in appendix
    assert f"averaged over {who}: about 12 more" in headline_number(treated_report())
    assert f"Averages over {who}:" in render_text(treated_report())


def test_everyone_is_named_in_the_strip_and_not_repeated() -> None:
    shown = text_of(checkout_report(), outside="details.")
    assert "Speaks of everyone" in shown
    assert "averaged over" not in shown
    trimmed = Notice(code="trimmed", problem=Problem(what="9 units.", why="w.", fix="f."))
    left = text_of(checkout_report(notices=(trimmed,)), outside="details.")
    assert "Speaks of sessions left after trimming" in left
    assert "averaged over sessions left after trimming: about" in left


def test_the_overlap_target_says_what_counts_most() -> None:
    report = checkout_report(spec=checkout_spec(target="overlap", estimators=["aipw"], value=None))
    assert "sessions weighted towards those whose arm was most open" in text_of(report)


def test_sampling_weights_are_said() -> None:
    shown = text_of(everything_report())
    assert "200,000 sessions, 61,000 customers, weighted by sampling weight" in shown
    assert "a session counts by its sampling weight, sampling weight." in shown
    assert "weighted by" not in text_of(checkout_report())


def test_populations_stand_side_by_side_once_and_extrapolations_say_so() -> None:
    html = render_html(everything_report())
    table = html.split("Other populations</h3>")[1].split("</table>")[0]
    assert table.count(": extrapolation<") == 2  # everyone, once a metric
    assert table.count("<tr>") == 1 + 6 * 2  # head; six different sets of units, two metrics
    assert "recommend" not in html
    text = text_of(everything_report(), inside="details.")
    assert "optimal, 0.1–0.9: all sessions that are not bots, as optimal has it" in text
    assert "0.01–0.99, 0.02–0.98: all sessions" in text
    assert "Other populations" not in text_of(checkout_report())


# ---- segments and cuts


def test_what_is_too_long_for_the_page_is_named_there_and_stands_in_the_files() -> None:
    report = everything_report()
    text, answer = text_of(report), json.loads(answer_json(report))
    assert "in these files alone: each segment against the rest, what checks that did not" in text
    assert "−1.734" not in text
    table = list(csv.DictReader(io.StringIO(estimates_csv(answer))))
    rest = [row for row in table if row["table"] == "rest"]
    assert len(rest) == len(answer["rest"]) == len(report.effects.rest) > 0
    assert {float(row["estimate"]) for row in rest} == {one["estimate"] for one in answer["rest"]}
    details = [row for row in table if row["table"] == "details"]
    assert len(details) == sum(len(check.details) for check in report.checks)


def test_cuts_made_after_looking_have_a_block_of_their_own_and_neutral_words() -> None:
    html = render_html(everything_report())
    before, block = html.split("Made after looking: by is member, by browser")
    block = block.split("</section>")[0]
    assert "True" not in before
    assert "These cuts were not declared before looking." in block
    assert "They are made for a single look." in block
    assert "The effect on converted differs by is member, even counting every cut" in block
    assert "There is no evidence that any effect differs by browser." in block
    assert block.count("<td>stands out<") == 1
    assert block.count("<td>does not stand out<") == 11
    for word in ("better", "worse", "limit", "p-value", "0.004"):
        assert word not in block, word
    assert "Made after looking" not in text_of(everything_report(), outside="details.")
    assert "is member (after looking)" in html


def test_a_cut_too_small_or_never_tested_says_so() -> None:
    rows = (
        replace(effect("converted", (("browser", "chrome"),)), planned=False),
        replace(effect("converted", (("browser", "other"),), shown="suppressed"), planned=False),
    )
    report = with_effects(
        checkout_report(opinions=()),
        EffectRows(effects=(effect("converted"), *rows), heterogeneity=(), level=0.95),
    )
    text = text_of(report)
    assert "There are too few to test whether any effect differs by browser." in text
    assert "other: Converted per 1,000 sessions – – too few to show –" in text
    assert "not clear yet 200,000" in text  # no p-value, so no word of its own


# ---- models and folds


def test_models_say_what_they_mix_add_and_how_sure_they_are() -> None:
    text = text_of(checkout_report(), inside="details.")
    assert "25 % linear model, 75 % boosted trees 8.7 % 0.9621 log loss: linear model" in text
    assert "linear model 9.0 % 1.015 squared error" in text
    assert "boosted trees 0.5807, blend 0.5799, constant 0.6351" in text
    poor = replace(checkout_report().quality[0], gain=-0.1, slope=None)
    assert "boosted trees none –" in text_of(checkout_report(quality=(poor,)))


def test_the_luck_of_the_folds_is_told_when_they_were_drawn_again() -> None:
    text = text_of(everything_report(), inside="details.")
    assert "Converted 0.00016 0.00009232 3 0.0016" in text
    assert "folds drawn 3 times, scores averaged" in text
    assert "Drawing the folds again" not in text_of(checkout_report())


# ---- the page as a whole


def test_a_withheld_page_folds_the_new_numbers_too() -> None:
    report = everything_report()
    verdict = replace(
        report.verdict,
        decision=Decision.CANNOT_BE_TRUSTED,
        headline="These numbers cannot be trusted.",
        reasons=("The sample ratio check broke.",),
    )
    page = Page(render_html(replace(report, verdict=verdict)))
    inside, outside = page.text(inside="details.withheld"), page.text(outside="details.withheld")
    for part in (
        "same sessions", "0.243", "Made after looking", "Other populations", "stands out",
        "0.00009232", "171,344", "however often",
    ):  # fmt: skip
        assert part in inside, part
        assert part not in outside, part
