"""The page: stable bytes, names that stay inert, numbers that stay folded, a policy that holds."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.report_blocks import everything_report, treated_report
from tests.report_cases import (
    checkout_report,
    checkout_rows,
    checkout_spec,
    effect,
    observational_report,
    withheld_report,
)
from tests.report_checks import CHECKS
from whatif.base.records import DataSummary
from whatif.effects.rows import EffectRow, EffectRows
from whatif.report.document import Report
from whatif.report.html import render_html
from whatif.verdict.readings import readings
from whatif.verdict.record import Decision

VOID = {"meta", "link", "br", "img", "input", "hr"}
ENDED_BY = {  # elements whose end tag may be left out, and what ends them
    "td": {"td", "th", "tr", "tbody"},
    "th": {"td", "th", "tr", "tbody"},
    "tr": {"tr", "tbody"},
    "thead": {"tbody"},
    "tbody": {"tbody"},
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "option": {"option"},
}
ATTACK = "</script><img src=x onerror=alert(1)>"
REORDERED = "\u202egnp.exe\u2066"


class Page(HTMLParser):
    """Elements, attributes and text of a page, with the elements each text stands in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, tuple[str, ...]]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        while self._open and tag in ENDED_BY.get(self._last(), set()):
            self._open.pop()
        if tag not in VOID:
            self._open.append(f"{tag}.{dict(attrs).get('class') or ''}")

    def _last(self) -> str:
        return self._open[-1].split(".")[0]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while tag != self._last() in ENDED_BY:
            self._open.pop()
        last = self._open.pop()
        assert last.startswith(f"{tag}."), f"</{tag}> closes <{last}>"

    def handle_data(self, data: str) -> None:
        self.texts.append((data, tuple(self._open)))

    def text(self, *, outside: str = "", inside: str = "") -> str:
        """Return the visible text, without or within elements of one name."""
        kept = [
            text
            for text, around in self.texts
            if not {"style.", "script."} & set(around)
            and not (outside and any(outside in name for name in around))
            and (not inside or any(inside in name for name in around))
        ]
        return re.sub(r"\s+", " ", " ".join(kept))


def small_report() -> Report:
    """Return a page with one metric, one dimension and two checks."""
    rows = checkout_rows()
    kept = tuple(
        row
        for row in rows.effects
        if row.outcome == "converted" and [c for c, _ in row.segment] in ([], ["device"])
    )
    tests = tuple(
        t for t in rows.heterogeneity if (t.outcome, t.dimension) == ("converted", ("device",))
    )
    return with_effects(
        checkout_report(
            checks=CHECKS[:1] + CHECKS[3:4], opinions=(), overlap=(), quality=(), money=None
        ),
        EffectRows(effects=kept, heterogeneity=tests, level=0.95),
    )


def with_effects(report: Report, effects: EffectRows) -> Report:
    """Return the report about other effects, read again."""
    verdict = replace(report.verdict, readings=readings(effects, report.spec))
    return replace(report, effects=effects, verdict=verdict)


def without_code(html: str) -> str:
    """Return the page without its style, script and their hashes."""
    html = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", html, flags=re.DOTALL)
    return re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-…", html)


def test_small_page_has_not_changed(snapshot: SnapshotAssertion) -> None:
    assert without_code(render_html(small_report())) == snapshot


def test_equal_reports_give_equal_bytes() -> None:
    assert render_html(checkout_report()) == render_html(checkout_report())


@pytest.mark.parametrize(
    "make",
    [checkout_report, withheld_report, observational_report, everything_report, treated_report],
)
def test_page_is_well_formed_and_light(make: Callable[[], Report]) -> None:
    html = render_html(make())
    page = Page(html)
    assert page._open == []
    assert len(html.encode()) <= 100_000
    assert len(re.sub(r'(id="scenario">)[^<]*', r"\1", html).encode()) <= 60_000
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_script_is_small() -> None:
    script = re.search(r"<script>(.*?)</script>", render_html(checkout_report()), re.DOTALL)
    assert script is not None
    assert len(script.group(1).encode()) <= 3_000


def test_policy_allows_exactly_the_inline_style_and_script() -> None:
    html = render_html(checkout_report())
    page = Page(html)
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    found = {}
    for tag in ("style", "script"):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = hashlib.sha256(code.encode()).digest()
        found[tag] = f"sha256-{b64encode(digest).decode()}"
    assert policy == (
        f"default-src 'none'; script-src '{found['script']}'; style-src '{found['style']}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
    assert html.index("Content-Security-Policy") < html.index("<style>")


def hostile_report() -> Report:
    """Return a page on which every name from the data is an attack."""
    spec = checkout_spec(
        question=ATTACK,
        treatment={"column": ATTACK, "control": f"off {ATTACK}", "arms": [f"on {ATTACK}"]},
        data={"source": ATTACK, "where": "a < 'b'"},
    )
    report = checkout_report(
        spec=spec,
        population=ATTACK,
        run_id="3f9c",
        versions=((ATTACK, ATTACK),),
        checks=tuple(replace(c, finding=ATTACK, what=REORDERED, fix=ATTACK) for c in CHECKS),
        data=replace(checkout_report().data, contract=ATTACK, arms=((ATTACK, 5),)),
    )
    names = (ATTACK, REORDERED, "x" * 200, "=cmd|' /C calc'!A0", "أهلا")
    rows: list[EffectRow] = [effect("converted")]
    rows += [effect("converted", ((ATTACK, name),), share=0.2) for name in names]
    rows = [replace(row, arm=f"on {ATTACK}", versus=f"off {ATTACK}") for row in rows]
    changed = with_effects(report, EffectRows(effects=tuple(rows), heterogeneity=(), level=0.95))
    estimand = replace(
        report.estimand,
        treatment=ATTACK,
        edges=((ATTACK, "y" * 200), (REORDERED, "converted")),
        assumptions=(ATTACK,),
        adjustment=(ATTACK,),
    )
    verdict = replace(
        changed.verdict, arm=f"on {ATTACK}", headline=ATTACK, reasons=(ATTACK, REORDERED)
    )
    return replace(changed, estimand=estimand, verdict=verdict, opinions=())


def test_names_from_the_data_stay_text() -> None:
    html = render_html(hostile_report())
    page = Page(html)
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 1
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert page.text().count(ATTACK) > 10
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert "أهلا" in page.text()
    assert "x" * 200 in page.text()


def test_withheld_page_folds_every_number_and_commands_nothing() -> None:
    page = Page(render_html(withheld_report()))
    open_text = page.text(outside="details.")
    assert "cannot be trusted" in open_text
    assert "Show the numbers anyway" in page.text(inside="details.withheld")
    for number in ("343", "12 more", "5.37", "13,000", "+19"):
        assert number not in open_text
        assert number in page.text(inside="details.withheld")
    appendix = page.text(outside="details.withheld")
    assert "0.0121" not in appendix
    assert "Chance decided" not in page.text()
    for order in ("roll out", "worth testing", "do not"):
        assert order not in appendix.lower()
    assert ("details", {"class": "withheld"}) in page.elements  # and not open


def test_trusted_page_has_nothing_withheld() -> None:
    page = Page(render_html(checkout_report()))
    assert "Show the numbers anyway" not in page.text()
    shown = page.text(outside="details.")
    assert "about 12 more orders per 1,000 sessions (likely range 9 to 15; 331 → 343, up" in shown
    assert "USD\u00a013,000 a month" in "".join(t for t, _ in page.texts)


def test_suppressed_cells_show_no_numbers() -> None:
    html = render_html(checkout_report())
    rows = re.findall(r'<tr class="off">.*?(?=<tr|</table>)', html, flags=re.DOTALL)
    assert len(rows) == 5
    for row in rows:
        assert not re.search(r"\d", re.sub(r"<use[^>]*>|<svg[^>]*>", "", row))
    assert sum("too few to show" in row for row in rows) == 3
    assert sum("arms cannot be compared here" in row for row in rows) == 2


def test_a_suppressed_cell_that_carries_numbers_still_shows_none() -> None:
    rows = checkout_rows()
    leak = tuple(
        replace(row, estimate=0.987654, ci=(0.9, 1.0), band=(0.8, 1.1), shrunk=0.5)
        if row.shown == "suppressed"
        else row
        for row in rows.effects
    )
    html = render_html(with_effects(checkout_report(), replace(rows, effects=leak)))
    assert "987" not in html


def test_segments_open_with_whether_they_differ() -> None:
    text = Page(render_html(checkout_report())).text(outside="details.")
    assert "The effect on converted differs by urbanicity." in text
    assert (
        "There is no evidence that the effect on converted differs by device, so every row takes "
        "the reading of everyone." in text
    )
    assert "the same" not in text.lower().replace("not the same as held", "").replace(
        "no longer reads the same", ""
    )


def test_p_values_stay_in_the_appendix() -> None:
    page = Page(render_html(checkout_report()))
    assert "p-value" not in page.text(outside="details.")
    assert "95 % confidence interval" not in page.text(outside="details.")
    assert "p-value" in page.text(inside="details.")
    assert "95 % confidence interval" in page.text(inside="details.")


def test_every_state_is_a_word() -> None:
    text = Page(render_html(checkout_report())).text()
    for word in ("Held", "Broke", "Not applicable", "Did not run", "Randomised test"):
        assert word in text
    assert "Adjusted from past data" in Page(render_html(observational_report())).text()
    assert "5 of 6 checks held, 1 not run" in text


def test_what_to_do_stands_beside_what_broke_only() -> None:
    text = Page(render_html(checkout_report(notices=()))).text()
    assert text.count("What to do:") == 1  # one broke; one did not run and has nothing to mend


def test_every_drawing_is_hidden_or_described() -> None:
    for report in (checkout_report(), observational_report(), everything_report()):
        page = Page(render_html(report))
        for tag, attributes in page.elements:
            if tag == "svg":
                named = attributes.get("role") == "img" and attributes.get("aria-labelledby")
                assert named or attributes.get("aria-hidden") == "true"


def test_large_graphs_are_told_not_drawn() -> None:
    edges = tuple((f"cause_{i}", "converted") for i in range(41))
    estimand = replace(checkout_report().estimand, edges=edges)
    html = render_html(checkout_report(estimand=estimand))
    assert 'class="graph"' not in html
    assert "cause_40" in html


def test_many_segments_keep_numbers_and_lose_pictures() -> None:
    rows = [effect("converted"), effect("cost_per_order")]
    for outcome in ("converted", "cost_per_order"):
        rows += [effect(outcome, (("city", i),), share=0.02) for i in range(50)]
    made = with_effects(
        checkout_report(opinions=()),
        EffectRows(effects=tuple(rows), heterogeneity=(), level=0.95),
    )
    html = render_html(made)
    lead, folded = html.split("Cost per order by segment")
    assert lead.count("<svg class=b ") == 52
    assert "<svg class=b " not in folded
    assert "There are too few to test whether the effect on converted differs by city" in html


def test_a_study_without_segments_graph_or_time_has_a_page() -> None:
    report = checkout_report()
    bare = DataSummary(
        source="frame",
        contract=None,
        fingerprint="00",
        rows=10,
        units=10,
        clusters=10,
        arms=(("folded", 5), ("expanded", 5)),
        period=None,
        as_of=None,
        days=None,
    )
    made = with_effects(
        replace(
            report,
            data=bare,
            estimand=replace(report.estimand, edges=(), hidden=(), adjustment=()),
            opinions=(),
            made_at=None,
            next_due=None,
            money=None,
        ),
        EffectRows(effects=(effect("converted"),), heterogeneity=(), level=0.9),
    )
    text = Page(render_html(made, beside=False)).text()
    assert "The study declares no segments." in text
    assert "none declared; types were inferred" in text
    assert "90 % confidence interval" in text
    assert "answer.json" not in text
    assert "past its date" not in text


def test_the_leading_arm_comes_first_and_the_rest_is_folded() -> None:
    rows = checkout_rows().effects
    both = (*(replace(row, arm="boxed") for row in rows), *rows)
    report = with_effects(small_report(), EffectRows(effects=both, heterogeneity=(), level=0.95))
    html = render_html(report)
    assert html.index("expanded instead of folded") < html.index("boxed instead of folded")
    folded = re.findall(r"<summary>(.*?) by segment", html)
    assert folded == [
        "Converted, boxed",
        "Cost per order, expanded",
        "Cost per order, boxed",
        "Shipping cost, expanded",
        "Shipping cost, boxed",
    ]
    assert "Converted, expanded instead of folded" in Page(html).text(outside="details.")


def test_out_of_date_page_keeps_its_numbers() -> None:
    report = checkout_report()
    old = replace(report.verdict, decision=Decision.OUT_OF_DATE, headline="Out of date.")
    page = Page(render_html(replace(report, verdict=old)))
    assert "12 more" in page.text(outside="details.")
    assert "Out of date" in page.text()
