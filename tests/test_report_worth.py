"""The worth block, marks beside numbers, slots and downloads of a run's own page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests import builders
from tests.report_blocks import everything_report, treated_report
from tests.report_cases import checkout_report, checkout_spec, observational_report, withheld_report
from tests.scenario_cases import scenario_text
from tests.test_report_html import ATTACK, Page
from whatif.base.plan import Deviation
from whatif.base.records import BreakEven, Money, MoneyPart
from whatif.contract.spec import ValueSpec
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.effects.money import money
from whatif.report.document import Report
from whatif.report.format import NBSP
from whatif.report.html import compact, downloads, render_html
from whatif.report.measure import measures
from whatif.report.page import page
from whatif.report.view_worth import worth_view

Kind = Literal["interval", "rays", "all", "empty"]
SLOTS = ("banner", "review", "since", "links")
PARTS = (
    MoneyPart(outcome="converted", worth=18.0, estimate=17_104.9, ci=(10_400.0, 23_809.0)),
    MoneyPart(outcome="shipping_cost", worth=-1.0, estimate=-4_315.5, ci=(-8_014.0, -617.0)),
    MoneyPart(outcome=None, worth=-0.00184, estimate=-200.0, ci=(-200.0, -200.0)),
)


def made(**changes: object) -> Money:
    """Return the money of the demo study with its parts, with fields changed."""
    whole = checkout_report().money
    assert whole is not None
    return replace(whole, **{"parts": PARTS, **changes})  # type: ignore[arg-type]


def text_of(report: Report, **where: str) -> str:
    return Page(render_html(report)).text(**where).replace(NBSP, " ")


def section(report: Report) -> str:
    """Return the text of the worth block."""
    block = render_html(report).split('id="worth">')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", block)).removeprefix("Worth ").strip()


# ---- the parts of the money


def test_parts_sum_to_the_whole_and_have_the_clustered_ranges_of_their_outcome() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(400), 3)
    gamma = rng.normal(size=(1_200, 2, 2)) + rng.normal(size=(400, 2, 2))[cluster]
    value = ValueSpec(
        currency="USD", per={"converted": 18.0, "cost": -1.5}, arm_cost={"expanded": 0.02}
    )
    scores = builders.scores(gamma, cluster, pd.DataFrame(index=range(1_200)))
    whole = money(joint(scores, cut(scores.columns, ())), value, arm=1, per_month=1e3, level=0.9)
    orders, cost, arm = whole.parts
    assert [part.outcome for part in whole.parts] == ["converted", "cost", None]
    assert sum(part.estimate for part in whole.parts) == pytest.approx(whole.estimate, rel=1e-12)
    for part, k, worth in ((orders, 0, 18.0), (cost, 1, -1.5)):
        unit = worth * (gamma[:, 1, k] - gamma[:, 0, k])
        sums = np.bincount(cluster, weights=unit - unit.mean())
        half = stats.t.ppf(0.95, 399) * np.sqrt(400 / 399 * (sums**2).sum()) / 1_200
        assert part.estimate == pytest.approx(1e3 * unit.mean(), rel=1e-12)
        assert part.ci == pytest.approx((1e3 * (unit.mean() - half), 1e3 * (unit.mean() + half)))
        assert part.worth == worth
    assert (arm.worth, arm.estimate, arm.ci) == (-0.02, -20.0, (-20.0, -20.0))


def test_an_outcome_that_is_worth_nothing_is_no_part() -> None:
    gamma = np.random.default_rng(1).normal(size=(300, 2, 2))
    scores = builders.scores(gamma, np.arange(300), pd.DataFrame(index=range(300)))
    value = ValueSpec(currency="USD", per={"converted": 18.0, "cost": 0.0})
    whole = money(joint(scores, cut(scores.columns, ())), value, arm=1, per_month=1.0, level=0.95)
    assert [part.outcome for part in whole.parts] == ["converted"]
    assert whole.parts[0].estimate == pytest.approx(whole.estimate)
    assert whole.parts[0].ci == pytest.approx(whole.ci)


# ---- the block


def test_worth_has_a_line_for_each_part_and_the_verdict_keeps_one_line_of_money() -> None:
    block = section(checkout_report(money=made()))
    assert block.startswith("If all of 108,700 sessions a month got expanded")
    assert "Converted, at USD 18 for one order +17,100 +10,400 to +23,800" in block
    assert "Shipping cost −4,300 −8,000 to −600" in block
    assert "What the arm itself costs −200 as declared" in block
    assert "Together +12,600 +6,100 to +19,100" in block
    assert "It pays if one order is worth more than USD 8 (likely range 6 to 12)." in block
    assert "The study takes one order to be worth USD 18." in block
    assert "Their ranges do not, because orders and costs rise and fall together." in block
    top = text_of(checkout_report(money=made())).split("Decision metrics")[0]
    assert top.count("USD") == 1
    assert "Worth about USD 13,000 a month (likely range 6,000 to 19,000)" in top


def test_one_part_alone_is_told_in_a_line() -> None:
    block = section(checkout_report(money=made(parts=PARTS[:1])))
    assert block.startswith("Worth about USD 13,000 a month (likely range 6,000 to 19,000) if all")
    assert "Together" not in block


def test_rounded_parts_still_add_up() -> None:
    parts = (
        replace(PARTS[0], estimate=1_449.0, ci=(449.0, 2_449.0)),
        replace(PARTS[1], estimate=1_449.0, ci=(449.0, 2_449.0)),
    )
    block = section(checkout_report(money=made(parts=parts, estimate=2_898.0, ci=(0.9e3, 4.9e3))))
    assert "+1,450" in block
    assert "Together +2,900" in block


@pytest.mark.parametrize(
    ("kind", "ends", "words"),
    [
        (
            "rays",
            (-3.0, 12.0),
            ": the data rule out only what lies between USD −3 and USD 12.",
        ),
        ("all", (None, None), ": the data rule out no worth at all."),
        ("empty", (None, None), ": at no worth do gain and cost cancel."),
        ("interval", (4.0, None), ": the data rule out less than USD 4."),
        ("interval", (None, 9.0), ": the data rule out more than USD 9."),
        ("interval", (None, None), ". The study takes"),
    ],
)
def test_break_even_says_what_the_data_leave_open(
    kind: Kind, ends: tuple[float | None, float | None], words: str
) -> None:
    even = BreakEven(outcome="converted", value=8.43, kind=kind, ends=ends, pays_above=True)
    block = section(checkout_report(money=made(break_even=even)))
    assert f"From which worth of one order it pays is not clear yet{words}" in block
    assert "It pays if" not in block


def test_break_even_below_a_worth_and_of_a_single_look_say_so() -> None:
    even = BreakEven(
        outcome="converted", value=-2.0, kind="interval", ends=(-4.0, -1.0), pays_above=False
    )
    spec = checkout_spec(decision={"looks": "anytime"})
    block = section(checkout_report(spec=spec, money=made(break_even=even)))
    assert "It pays if one order is worth less than USD −2.00 (" in block
    assert "at a single look" in block


def test_without_an_amount_a_month_the_block_says_why_and_without_worths_there_is_none() -> None:
    assert "so there is no amount a month" in section(checkout_report(money=None))
    report = checkout_report(money=None, spec=checkout_spec(value=None))
    assert worth_view(report, measures(report)) is None
    assert 'id="worth"' not in render_html(report)


def test_withheld_money_stays_folded() -> None:
    report = replace(withheld_report(), money=made())
    shown = Page(render_html(report))
    assert "17,100" not in shown.text(outside="details.")
    assert "17,100" in shown.text(inside="details.withheld")


# ---- planned, exploratory, changed after looking


def test_a_run_without_a_lock_has_no_marks_and_says_so() -> None:
    shown = text_of(checkout_report(money=made()))
    assert "No plan was locked before the first look" in shown
    assert not set("†‡") & set(shown)
    assert "changed after looking" not in shown


def test_cuts_that_were_not_declared_are_marked_and_the_mark_explained() -> None:
    shown = text_of(everything_report())
    assert "† exploratory, because its cut was not declared." in shown
    assert shown.count("†") == 1 + 12 + 6  # legend, effects, tests
    assert "‡" not in shown


def test_a_changed_metric_is_marked_everywhere_and_the_plan_told_in_the_strip() -> None:
    moved = Deviation(aspect="better", subject="converted", before="lower", now="higher")
    report = checkout_report(money=made(), deviations=(moved,))
    shown = text_of(report)
    strip = shown.split("Verdict:")[0]
    assert "The plan was changed after looking" in strip
    assert "The good direction of converted was lower, now higher." in strip
    assert "about 12 more orders per 1,000 sessions‡ (likely range" in shown
    assert "‡ changed after looking: it does not rest on what was planned" in shown
    assert "12 more orders‡" in shown
    assert "+19‡" in shown
    assert "better‡" in shown
    assert "Together +12,600‡" in shown
    assert "Converted‡" in text_of(report, inside="details.")
    assert "‡" not in page(report).verdict.headline
    assert "‡" not in str(page(report).verdict.money)  # it is also read where no legend stands


def test_an_added_cut_is_marked_and_no_other() -> None:
    added = Deviation(aspect="segment_added", subject="device", before="", now="")
    shown = text_of(checkout_report(deviations=(added,)), outside="details.")
    by_device = shown.split("By device: Converted")[1].split("By urbanicity ×")[0]
    assert by_device.count("‡") == 4  # two rows: number and reading
    assert "12 more orders‡" not in shown
    assert "The cut by device was added." in shown


def test_a_changed_limit_marks_the_reading_alone() -> None:
    moved = Deviation(aspect="limit", subject="cost_per_order", before="0.1", now="0.25")
    shown = text_of(checkout_report(deviations=(moved,)), outside="details.")
    assert "within the limit‡" in shown
    assert "USD 0.12 more‡" not in shown


def test_a_plan_with_names_from_the_data_stays_text() -> None:
    moved = Deviation(aspect="primary", subject="", before=ATTACK, now="converted")
    html = render_html(checkout_report(deviations=(moved,)))
    assert "<img" not in html
    assert ATTACK in text_of(checkout_report(deviations=(moved,)))


# ---- slots and downloads


@pytest.mark.parametrize(
    "make", [checkout_report, withheld_report, everything_report, treated_report]
)
def test_every_page_has_each_slot_once_and_empty_slots_show_nothing(
    make: Callable[[], Report],
) -> None:
    html = render_html(make())
    for slot in SLOTS:
        assert html.count(f"<!--slot:{slot}-->") == 1
    assert "slot:" not in Page(html).text()
    assert compact("<main>\n  <!--slot:since-->\n\n</main>") == "<main>\n<!--slot:since-->\n</main>"
    places = [html.index(f"<!--slot:{slot}-->") for slot in SLOTS]
    marks = [html.index(part) for part in ("<header>", "</header>", 'id="appendix"', "</footer>")]
    assert all(slot < mark for slot, mark in zip(places, marks, strict=True))
    assert places == sorted(places)
    assert html.index('id="trust"') < places[2]


def test_downloads_are_relative_and_only_of_what_stands_beside_the_page() -> None:
    report = checkout_report(scenario=scenario_text("device"))
    names = [name for name, _ in downloads(report)]
    assert names == ["estimates.csv", "answer.json", "scenario.json", "manifest.json"]
    shown = Page(render_html(report))
    links = [a["href"] for tag, a in shown.elements if tag == "a" and "href" in a]
    assert [link for link in links if not (link or "").startswith("#")] == names
    assert "scenario.json" not in [name for name, _ in downloads(checkout_report())]
    withheld = replace(withheld_report(), scenario=scenario_text("device"))
    assert "scenario.json" not in [name for name, _ in downloads(withheld)]
    alone = render_html(report, beside=False)
    assert "estimates.csv" not in alone


# ---- names that are written from right to left


def test_only_names_that_could_turn_the_text_around_are_isolated() -> None:
    spec = checkout_spec(question="كم يكلف الشحن؟")
    html = render_html(checkout_report(spec=spec))
    assert "<bdi>كم يكلف الشحن؟</bdi>" in html
    assert html.count("<bdi>") == 1


def test_observational_pages_say_what_is_marked_too() -> None:
    assert "No plan was locked before the first look" in text_of(observational_report())


def changed_report() -> Report:
    """Return a page whose plan was changed after looking, with sliders."""
    spec = checkout_spec(
        value={"currency": "USD", "per": {"converted": 18.0}, "units_per_month": 40_000}
    )
    found = (
        Deviation(aspect="better", subject="converted", before="lower", now="higher"),
        Deviation(aspect="segment_added", subject="device", before="", now=""),
    )
    scenario = scenario_text("device", outcomes=2)
    return checkout_report(spec=spec, money=made(), deviations=found, scenario=scenario)


def test_declared_what_ifs_are_marked_and_the_sliders_have_a_note() -> None:
    shown = text_of(changed_report()).split("What if?")[1].split("Your scenario")[0]
    assert "a month‡ (likely range" in shown
    assert "The plan was changed after looking." in shown
    planned = text_of(replace(changed_report(), deviations=()))
    assert "‡" not in planned
