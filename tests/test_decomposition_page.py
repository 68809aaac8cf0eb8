"""The split on the page and in ``answer.json``: one sentence, three bars, the options behind."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tests.report_cases import checkout_report, checkout_spec, effect
from tests.test_report_html import Page
from whatif.effects.rows import EffectRows, Ends, Segment, Shown
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.format import NBSP
from whatif.report.html import render_html
from whatif.report.measure import measures
from whatif.report.view_decomposition import decomposition_view
from whatif.scenarios.decomposition.decompose import (
    PARTS,
    Decomposition,
    DecompositionRow,
    OptionRow,
)
from whatif.verdict.record import Decision

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "answer.v1.json"
WORST = '</script><img src=x onerror="alert(1)">'
SIZES = {"volume": 0.064, "mix": 0.047, "rate": -0.009, "total": 0.102}
ERRORS = {"volume": 0.011, "mix": 0.006, "rate": 0.013, "total": 0.021}


def rows(
    segment: Segment = (), *, arm: str = "expanded", shown: Shown = "shown", factor: float = 1.0,
    few: bool = False,
) -> tuple[DecompositionRow, ...]:  # fmt: skip
    """Return the four rows of one arm and segment; `few` clusters have no intervals."""
    made = []
    for part in PARTS:
        estimate, error = factor * SIZES[part], ERRORS[part]
        ends: Ends = (estimate - 1.96 * error, estimate + 1.96 * error)
        made.append(
            DecompositionRow(
                part=part,
                outcome="shipping_cost",
                arm=arm,
                versus="folded",
                segment=segment,
                n=200_000,
                clusters=61_000,
                estimate=estimate,
                std_error=None if few else error,
                ci=(None, None) if few else ends,
                critical=None if few else 1.96,
                df=60_999,
                shown=shown,
                target="ate",
            )
        )
    return tuple(made)


def options(*names: str, segment: Segment = ()) -> tuple[OptionRow, ...]:
    """Return options of equal shares; the last is had by the arm alone."""
    size = len(names)
    return tuple(
        OptionRow(
            option=name,
            arm="expanded",
            versus="folded",
            segment=segment,
            share=(1 / (size - 1) if j < size - 1 else 0.0, 1 / size),
            cost=(5.0 + j if j < size - 1 else None, 5.5 + j),
        )
        for j, name in enumerate(names)
    )


def split(*more: DecompositionRow, names: tuple[str, ...] = ("standard", "no_rush")) -> Report:
    known = Decomposition(
        cost="shipping_cost", level=0.95, rows=(*rows(), *more), options=options(*names)
    )
    return checkout_report(decomposition=known)


def block(report: Report) -> str:
    html = render_html(report)
    found = re.search(r'<section aria-labelledby="split">.*?</section>', html, re.DOTALL)
    return "" if found is None else found[0].replace(NBSP, " ")


def test_the_block_is_a_sentence_three_bars_and_their_sum() -> None:
    text = block(split())
    assert "Why shipping cost per session differs" in text
    assert (
        "With expanded instead of folded, shipping cost per session rose by about "
        "<strong>USD 0.102</strong> (likely range +0.061 to +0.143): up USD 0.064 because more "
        "orders came, up USD 0.047 because dearer options were chosen, down USD 0.009 because the "
        "same option cost less. Not clear yet which way: cost within an option."
    ) in text
    assert text.count("<svg class=b ") == len(PARTS)
    heads = re.findall(r"<tr><th>(.*?)<t", text)
    assert heads[1:5] == ["Orders", "Options chosen", "Cost within an option", "Together"]
    assert "Difference, USD per session" in text
    assert "not three effects" in text
    assert " style=" not in text


def test_it_stands_between_segments_and_checks() -> None:
    html = render_html(split())
    places = [html.index(f'id="{name}"') for name in ("segments", "split", "trust")]
    assert places == sorted(places)


def test_the_options_behind_it_and_the_one_only_one_arm_had() -> None:
    text = block(split())
    assert "<tr><th>no rush<td>0.0 %<td>50.0 %<td>–<td>6.50" in text
    assert "Only expanded had no rush: its cost there stands for both" in text


def test_segments_stand_in_a_table_and_small_ones_carry_no_numbers() -> None:
    mobile = rows((("device", "mobile"),), factor=1.2)
    desktop = rows((("device", "desktop"),), factor=3.0, shown="suppressed")
    text = block(split(*mobile, *desktop))
    assert "<tr><th>desktop<td>–<td>–<td>–<td>–<" in text
    assert "<tr><th>mobile<td>+0.122 (+0.081 to +0.164)<td>+0.077 (" in text
    assert "0.306" not in text


def test_too_few_orders_are_said_and_nothing_is_drawn() -> None:
    known = Decomposition(
        cost="shipping_cost", level=0.95, rows=rows(shown="suppressed"), options=()
    )
    text = block(checkout_report(decomposition=known))
    assert "too few orders yet to say why shipping cost per session differs" in text
    assert "<svg" not in text


def test_without_intervals_there_are_numbers_and_no_bars() -> None:
    known = Decomposition(cost="shipping_cost", level=0.95, rows=rows(few=True), options=())
    text = block(checkout_report(decomposition=known))
    assert "<strong>USD 0.10</strong>: up USD 0.06" in text
    assert "range" not in text
    assert '<svg class="b"' not in text


def test_nothing_is_said_to_have_moved_where_it_rounds_to_nothing() -> None:
    known = Decomposition(cost="shipping_cost", level=0.95, rows=rows(factor=0.0), options=())
    text = block(checkout_report(decomposition=known))
    assert "changed by <strong>nothing that shows</strong>" in text
    assert "none from the number of orders, none from which options were chosen" in text
    assert "Not clear yet" not in text


def test_every_arm_has_its_own_split() -> None:
    two = EffectRows(
        effects=(effect("shipping_cost"), effect("shipping_cost", arm="listed")),
        heterogeneity=(),
        level=0.95,
    )
    base = split(*rows(arm="listed", factor=-1.0))
    report = replace(
        base, effects=two, verdict=replace(base.verdict, readings=base.verdict.readings[:2])
    )
    view = decomposition_view(report, measures(report))
    assert view is not None
    assert [str(arm.sentence)[:20] for arm in view.arms] == [
        "With expanded instea",
        "With listed instead ",
    ]
    assert "fell by about" in str(view.arms[1].sentence)


def test_a_study_without_option_and_a_withheld_page_show_none_of_it() -> None:
    assert block(checkout_report()) == ""
    report = split()
    withheld = replace(report.verdict, decision=Decision.CANNOT_BE_TRUSTED)
    assert block(replace(report, verdict=withheld)) == ""


def test_ranges_for_one_look_are_called_so() -> None:
    often = replace(split(), spec=checkout_spec(decision={"looks": "anytime"}))
    assert "Its ranges are made for a single look." in block(often)
    assert "single look" not in block(split())


def test_names_of_options_stay_inert() -> None:
    report = split(names=("standard", WORST))
    assert WORST not in render_html(report)
    Page(render_html(report))


def test_the_answer_holds_every_number_and_no_key_without_an_option() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    empty = tuple(
        replace(row, estimate=None, std_error=None, ci=(None, None), critical=None, df=0)
        for row in rows((("device", "mobile"),), shown="no_overlap")
    )
    for report in (split(*empty), checkout_report()):
        made = json.loads(answer_json(report), parse_constant=pytest.fail)
        jsonschema.Draft202012Validator(schema).validate(made)
        assert ("decomposition" in made) == (report.decomposition is not None)
    made = json.loads(answer_json(split()))["decomposition"]
    assert made["cost"] == "shipping_cost"
    assert {row["part"]: row["estimate"] for row in made["rows"]} == SIZES
    assert made["options"][1]["cost"] == [None, 6.5]
