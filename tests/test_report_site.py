"""The site's own pages: what needs a person first, nothing unreviewed, bounded, inert, linked."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests import site_cases
from tests.site_cases import (
    ATTACK,
    CASES,
    FORMULA,
    REORDERED,
    approved,
    files_of,
    past,
    run_line,
    text_of,
)
from tests.test_report_contrast import contrast, tokens
from tests.test_report_files import validator
from tests.test_report_html import Page
from whatif.base.errors import PublishError
from whatif.base.history import History, StudyCard, TrendPoint
from whatif.base.readers import card_of
from whatif.contract.stored import from_json, to_json
from whatif.report.site.blocks import banner, links, review, since
from whatif.report.site.files import front_files, study_files
from whatif.report.site.rendering import assets
from whatif.report.site.trend import chart, spark
from whatif.report.site_mode import POLICY
from whatif.verdict.changes_wording import NO_SHARES
from whatif.verdict.record import Decision
from whatif.verdict.site_wording import (
    EMPTY_SITE,
    FIRST_REPORT,
    NO_RUN_SHOWN,
    NOT_SPLIT,
    PROMISE,
    decision_mark,
    kind_words,
)

ALL = CASES | {"hostile": site_cases.hostile}
FINDINGS = ("77 fewer", "0.0777", "\u221278", "do_not_roll_out", "Do not roll out", "Week seven")


def shown_page(history: History, block: str) -> str:
    run = history.of(history.shown)
    assert run is not None
    return {
        "banner": lambda: banner(history, run),
        "review": lambda: review(run, required=True),
        "since": lambda: since(history, run),
        "links": lambda: links(run, downloads=("answer.json",)),
    }[block]()


@pytest.mark.parametrize("case", ALL)
def test_equal_histories_give_equal_files_and_every_page_keeps_the_policy(case: str) -> None:
    made = files_of(ALL[case]())
    assert made == files_of(ALL[case]())
    assert list(made)[-1] == "index.html"
    for name in ("index.html", "history.html", "compare.html"):
        html = made[name].decode()
        policy = re.search(r'Security-Policy" content="([^"]*)"', html)
        assert policy is not None
        assert unescape(policy[1]) == POLICY
        page = Page(html)
        for tag, attributes in page.elements:
            assert "style" not in attributes, (name, tag)
            assert not [key for key in attributes if key.startswith("on")], (name, tag)
        assert "<style" not in html
        inline = re.findall(r"<script([^>]*)>", html)
        assert all("src=" in tag or "application/json" in tag for tag in inline)


def test_shared_files_are_named_by_their_content_and_small() -> None:
    front = front_files([card_of(make()) for make in CASES.values()])
    shared = {
        name: content
        for made in (front, files_of(site_cases.history()))
        for name, content in made.items()
        if name.startswith("assets/")
    }
    assert sum(map(len, shared.values())) <= 60 * 1024
    assert len(shared[assets().site_js]) <= 3 * 1024
    assert list(front)[-3:] == ["status.json", "feed.xml", "index.html"]


def test_the_style_has_only_the_colours_of_the_page() -> None:
    css = assets().files[assets().site_css].decode()
    light, dark = re.findall(r":root\s?\{(.*?)\}", css, flags=re.DOTALL)[:2]
    rest = css.replace(light, "").replace(dark, "")
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgba?\(|hsl", re.sub(r"#w-[a-z]+", "", rest))
    assert set(re.findall(r"var\(--([a-z-]+)\)", rest)) <= set(re.findall(r"--([a-z-]+):", light))
    names = [set(re.findall(r"--([a-z-]+):", block)) for block in (light, dark)]
    assert names[0] == names[1]
    assert min(map(len, names[0])) > 1, "short names are those of a run's own style"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ranges_can_be_seen_although_they_are_pale(scheme: str) -> None:
    css = assets().files[assets().site_css].decode()
    pale = re.search(r"\.w-range\{[^}]*opacity:(\.\d+)", css)
    assert pale is not None
    mark, paper = (
        [int(tokens()[scheme][name][i : i + 2], 16) for i in (1, 3, 5)]
        for name in ("mark", "paper")
    )
    share = float(pale[1])
    seen = [round(share * m + (1 - share) * p) for m, p in zip(mark, paper, strict=True)]
    assert contrast("#" + "".join(f"{c:02x}" for c in seen), tokens()[scheme]["paper"]) >= 3


def test_what_needs_a_person_comes_first() -> None:
    cards = [card_of(make()) for make in CASES.values()]
    html = front_files(cards)["index.html"].decode()
    order = re.findall(r'<h3><a href="([^/]+)/index.html">', html)
    assert order[:4] == ["checkout-feed", "free-delivery", "pickup-points", "same-day"]
    assert order[4:] == sorted(order[4:])
    urgent = html.index('id="w-urgent"'), html.index("<h2>Everything else</h2>")
    assert urgent[0] < html.index("same-day/index.html") < urgent[1]
    assert html.index("first-look/index.html") > urgent[1]


def test_a_study_says_all_that_a_reader_asks_first() -> None:
    text = text_of(front_files([card_of(site_cases.history())])["index.html"])
    for said in (
        "Mobile expanded options",
        "Does showing every delivery option",
        "Roll out expanded for everyone.",
        "about 13 more orders per 1,000 sessions (likely range",
        "Worth about USD\u00a012,600 a month".replace("\u00a0", " "),
        "Over 8 runs: +6, now +13 orders per 1,000 sessions; +8 to +17 at every run at once.",
        "Randomised test",
        "25 Oct 2026",
        "10 Nov 2026",
        "3 Nov 2026, 19:00 UTC",
        "Approved by Ann Berg on 3 Nov 2026",
    ):
        assert said in text
    failed = text_of(front_files([card_of(site_cases.failed())])["index.html"])
    assert (
        "The run of 2 Nov 2026 failed: The column 'converted' is missing from the data; "
        "this is the last good one."
    ) in failed
    never = replace(card_of(site_cases.failed()), shown=None)
    assert "no run has succeeded yet" in text_of(front_files([never])["index.html"])
    assert "Roll out in two regions only. Because: the warehouse" in text_of(
        front_files([card_of(site_cases.deviating())])["index.html"]
    )


def test_an_empty_site_says_so() -> None:
    made = front_files([])
    assert EMPTY_SITE in made["index.html"].decode()
    assert b'"studies":{}' in made["status.json"]


def test_a_filter_stands_above_more_than_eight_studies() -> None:
    cards = [card_of(site_cases.history(2, f"study-{i}")) for i in range(9)]
    assert 'id="w-find"' in front_files(cards)["index.html"].decode()
    assert 'id="w-find"' not in front_files(cards[:8])["index.html"].decode()


class Counted(list[StudyCard]):
    """A list that counts how often it is read."""

    reads = 0

    def __iter__(self) -> Iterator[StudyCard]:
        type(self).reads += 1
        return super().__iter__()


def test_a_hundred_studies_are_read_once_and_the_page_grows_by_the_study() -> None:
    cards = [card_of(site_cases.history(3, f"study-{i:03}")) for i in range(100)]
    counted = Counted(cards)
    whole = front_files(counted)
    assert Counted.reads == 1
    sizes = [len(front_files(cards[:n])["index.html"]) for n in (20, 60, 100)]
    assert sizes[2] == len(whole["index.html"])
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]
    assert sizes[2] < 100 * 3_000


@pytest.mark.parametrize("case", ["awaiting", "never"])
def test_what_an_unreviewed_run_found_is_in_no_file(case: str) -> None:
    history = CASES[case]()
    waiting = history.of(history.awaiting)
    assert waiting is not None
    line = waiting.line
    found = (*FINDINGS, line.number, repr(line.estimate), repr(line.std_error), line.headline)
    front = front_files([card_of(history)])
    texts = [content for made in (files_of(history), front) for content in made.values()]
    for text in (*texts, to_json(card_of(history)).encode()):
        assert not [finding for finding in found if finding.encode() in text]
    link = f"runs/{line.run_id}/report.html".encode()
    for page in (files_of(history)["history.html"], files_of(history)["index.html"]):
        assert link in page
    assert link in front["index.html"]


BANNERS = {
    "normal": [],
    "failed": ["The run of 2 Nov 2026 failed"],
    "awaiting": ["A newer run, with data to 18 Oct 2026, awaits review"],
    "rejected": ["Rejected by Bo Chen on 3 Nov 2026: The promotion of week 3 is in it."],
}


@pytest.mark.parametrize("case", BANNERS)
def test_a_page_warns_of_what_came_after_it(case: str) -> None:
    html = shown_page(CASES[case](), "banner")
    told = text_of(html)
    now = [line for line in re.findall(r"<p [^>]*>", html) if "hidden" not in line]
    assert len(now) == len(BANNERS[case])
    assert all(words in told for words in BANNERS[case])
    assert 'data-after="20' in html
    assert "they were recent enough until" in told


def test_an_older_or_unreviewed_page_says_what_it_is() -> None:
    history = site_cases.awaiting()
    older, newer = history.runs[2], history.runs[-1]
    told = banner(history, older, up="../../")
    assert "This is not the latest report of this study" in told
    assert 'href="../../index.html"' in told
    assert "Awaiting review" in banner(history, newer, up="../../")


def test_a_page_says_who_signed_it() -> None:
    assert "Approved by Ann Berg on 3 Nov 2026" in shown_page(site_cases.history(), "review")
    deviating = text_of(shown_page(site_cases.deviating(), "review"))
    assert "Done instead of what the run recommends: Roll out in two regions only." in deviating
    assert "Because: the warehouse in the north is full." in deviating
    run = past(run_line(1))
    assert "Awaiting review" in review(run, required=True)
    assert review(run, required=False) == ""
    assert "Put on hold by" in review(approved(run, decision="hold"), required=True)


def test_what_changed_since_the_last_report() -> None:
    told = text_of(shown_page(site_cases.history(), "since"))
    assert (
        "The estimate was +11 (+8 to +14) and is now +13 (+10 to +16) orders per 1,000 sessions. "
        "It rose by about 1.6 (likely range of the move \u22122.4 to +5.6)."
    ) in told
    assert PROMISE in told
    for part in ("Another mix", "What new units showed", "Revised data", "55 %", "35 %", "10 %"):
        assert part in told.replace("\u00a0", " ")
    assert "25,000 sessions of 8,200 customers are new." in told
    first = text_of(shown_page(site_cases.first(), "since"))
    assert FIRST_REPORT in first
    assert PROMISE not in first


def test_a_move_that_cannot_be_told_says_why() -> None:
    withheld = text_of(shown_page(site_cases.withheld(), "since"))
    assert "This run shows no numbers, so no move is told." in withheld
    assert NOT_SPLIT not in withheld
    history = site_cases.history(3)
    last = replace(history.runs[-1], change=None)
    assert NOT_SPLIT in since(replace(history, runs=(*history.runs[:-1], last)), last)
    other = replace(last, line=replace(last.line, arm="compact"))
    told = since(replace(history, runs=(*history.runs[:-1], other)), other)
    assert "The run before measured something else" in told
    assert "w-chart" not in told, "one run alone makes no trend"
    change = site_cases.history(3).runs[-1].change
    assert change is not None
    without = tuple(replace(part, share=None) for part in change.parts)
    near = replace(change, parts=without, said=(NO_SHARES,))
    told = since(history, replace(history.runs[-1], change=near))
    assert told.count(NO_SHARES) == 1


def test_the_trend_is_short_and_its_drawing_is_named() -> None:
    html = shown_page(site_cases.long_life(40), "since")
    assert html.count("<circle") == 12
    assert html.count('<th scope="row">') == 12 + 3
    assert 'role="img" aria-labelledby="w-t w-d"' in html
    assert "The estimates of 12 runs, from +" in html


def test_a_drawing_skips_runs_without_numbers_and_holds_open_ranges() -> None:
    points = [
        TrendPoint(data_to=None, estimate=0.01, anytime=(None, None)),
        TrendPoint(data_to=None, estimate=None, anytime=(None, None)),
        TrendPoint(data_to=None, estimate=0.02, anytime=(0.01, None)),
        TrendPoint(data_to=None, estimate=0.015, anytime=(0.01, 0.02)),
    ]
    drawn = chart(points, None)
    assert drawn is not None
    assert len(drawn.points) == 3
    assert len(drawn.links) == 1
    assert drawn.beyond
    assert all(p.top <= p.y <= p.bottom for p in drawn.points)
    small = spark(points)
    assert small is not None
    assert small.line.count("M") == 2
    assert chart(points[:2], None) is None
    assert spark(points[1:2]) is None
    assert chart([], 0.1) is None


@pytest.mark.parametrize("case", ALL)
def test_status_keeps_its_schema(case: str) -> None:
    history = ALL[case]()
    made = json.loads(front_files([card_of(history)])["status.json"])
    validator("status.v1.json").validate(made)
    study = made["studies"][history.study]
    assert study["run_id"] == history.shown
    assert study["awaiting_review"] == history.awaiting
    assert study["audit_head"] == history.audit_head
    assert (study["decision"] is None) == (history.shown is None)


def test_names_that_mean_harm_stay_inert() -> None:
    history = site_cases.hostile()
    made = {**files_of(history), **front_files([card_of(history)])}
    for name, content in made.items():
        if name.startswith("assets/") or name.endswith((".json", ".csv")):
            continue
        text = content.decode()
        assert "<img" not in text, name
        assert REORDERED[0] not in text, name
        assert text.count("</script>") == text.count("<script"), name
        assert "\x00" not in text, name
    rows = list(csv.reader(io.StringIO(made["history.csv"].decode())))
    cells = [cell for row in rows for cell in row]
    assert any(cell.startswith(f"'{FORMULA}") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert ATTACK in from_json(History, made["history.json"], shown="history").runs[0].line.headline


def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    site_cases.write_site(tmp_path, {name: make() for name, make in CASES.items()})
    downloads = {"answer.json", "estimates.csv", "scenario.json", "manifest.json", "SHA256SUMS"}
    pages = [*tmp_path.glob("*.html"), *tmp_path.glob("*/*.html")]
    assert len(pages) == 1 + 3 * len(CASES)
    for page in pages:
        html = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"#]+)"', html):
            assert not re.match(r"[a-z]+:|/", unescape(link)), (page, link)
            target = page.parent / unquote(unescape(link))
            assert target.exists() or target.name in downloads, (page, link)


def test_the_page_must_be_that_of_the_shown_run() -> None:
    for page, history in (
        (None, site_cases.history()),
        ("<html></html>", site_cases.never_reviewed()),
        (None, replace(site_cases.history(), shown="nobody")),
    ):
        with pytest.raises(ValueError, match="not that of the shown run"):
            study_files(page, history)


def test_a_study_without_any_run_to_show_says_so() -> None:
    bare = replace(site_cases.never_reviewed(), awaiting=None)
    assert NO_RUN_SHOWN in text_of(front_files([card_of(bare)])["index.html"])
    assert NO_RUN_SHOWN in text_of(files_of(bare)["index.html"])
    empty = text_of(files_of(replace(bare, runs=()))["history.html"])
    assert "There is no run to show yet." in empty


def test_a_page_that_no_run_made_is_refused() -> None:
    with pytest.raises(PublishError, match="cannot become a page of the site"):
        study_files("<html></html>", site_cases.history())


@pytest.mark.parametrize("decision", list(Decision))
def test_every_decision_has_a_word_and_an_icon(decision: Decision) -> None:
    mark = decision_mark(str(decision))
    assert mark.word[0].isupper()
    icons = front_files([])["index.html"].decode()
    assert f'id="w-{mark.tone}"' in icons


def test_every_reason_for_a_move_has_a_name() -> None:
    kinds = ("new_data", "mix", "mechanism", "revised_data", "definition", "code")
    names = [kind_words(kind) for kind in kinds]  # type: ignore[arg-type]
    assert len({name for name, _ in names}) == len(kinds)
