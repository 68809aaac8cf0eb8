"""A run's page on the site: nothing inline, shared files named by content, slots filled once."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.report_blocks import everything_report
from tests.report_cases import checkout_report, withheld_report
from tests.test_report_html import hostile_report
from whatif.base.errors import PublishError
from whatif.report.html import render_html
from whatif.report.site_mode import ICON, POLICY, SLOTS, asset_name, fill, split

CASES = {
    "trusted": checkout_report,
    "withheld": withheld_report,
    "hostile": hostile_report,
    "everything": everything_report,
}
BARE = "<p>one</p><!--slot:banner--><p>two</p><!--slot:since--><p>three</p>"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Single-file pages."""
    return {name: render_html(make()) for name, make in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_style_and_script_leave_the_page_and_nothing_else_does(
    pages: dict[str, str], case: str
) -> None:
    made = split(pages[case], root="../")
    css, js, icon = made.assets
    assert "<style" not in made.html
    scripts = re.findall(r"<script[^>]*>", made.html)
    assert scripts[-1] == f'<script src="../{js}">'
    assert all('type="application/json"' in tag for tag in scripts[:-1])
    assert f'<link rel="stylesheet" href="../{css}">' in made.html
    assert f'<link rel="icon" href="../{icon}">' in made.html
    policy = re.search(r'Security-Policy" content="([^"]*)"', made.html)
    assert policy is not None
    assert unescape(policy[1]) == POLICY
    assert "unsafe" not in POLICY

    back = made.html.replace(
        f'<link rel="stylesheet" href="../{css}">\n<!--slot:head-->',
        f"<style>{made.assets[css].decode()}</style>",
    )
    back = back.replace(f'<script src="../{js}">', f"<script>{made.assets[js].decode()}")
    back = back.replace(f'href="../{icon}"', 'href="data:,"').replace(policy[1], "")
    single = re.sub(r'(?<=Security-Policy" content=")[^"]*', "", pages[case])
    assert back == single


def test_equal_pages_share_their_files_and_a_new_look_has_a_new_name(pages: dict[str, str]) -> None:
    trusted, withheld = (split(pages[case], root="../") for case in ("trusted", "withheld"))
    assert trusted.assets.keys() & withheld.assets.keys() >= {asset_name("icon", "svg", ICON)}
    assert next(iter(trusted.assets)) == next(iter(withheld.assets))
    assert split(pages["trusted"], root="../") == trusted
    for name, content in trusted.assets.items():
        assert re.fullmatch(r"assets/(page|icon)-[0-9a-f]{12}\.(css|js|svg)", name)
        assert name == asset_name(name.split("/")[1].split("-")[0], name.split(".")[1], content)


def test_links_to_the_files_of_the_run_follow_the_page(pages: dict[str, str]) -> None:
    own = split(pages["trusted"], root="../../../", folder="")
    studys = split(pages["trusted"], root="../", folder="runs/abc/")
    assert re.search(r'href="?answer\.json\b', own.html)
    assert not re.search(r'href="?answer\.json\b', studys.html)
    assert re.search(r'href="?runs/abc/answer\.json\b', studys.html)
    assert "runs/abc/#" not in studys.html
    assert 'src="../assets/page-' in studys.html
    assert 'src="../../../assets/page-' in own.html


def test_quotes_may_be_left_out(pages: dict[str, str]) -> None:
    quoted = 'href="answer.json"'
    page = re.sub(r'href="?answer\.json"?', quoted, pages["trusted"], count=1)
    page = re.sub(r'rel="?icon"?', 'rel="icon"', page)
    bare = page.replace(quoted, "href=answer.json").replace('rel="icon"', "rel=icon")
    bare = re.sub(r'http-equiv="?([\w-]+)"?', r"http-equiv=\1", bare)
    made = split(bare, root="../", folder="runs/abc/")
    assert "href=runs/abc/answer.json" in made.html
    assert "data:," not in made.html
    assert POLICY in made.html
    assert made.assets == split(page, root="../").assets


@pytest.mark.parametrize("link", ["#part", "/top", "//host/x", "https://x/y", "mailto:a", "?q=1"])
def test_other_links_stay(pages: dict[str, str], link: str) -> None:
    page = re.sub(r'href="?answer\.json"?', f'href="{link}"', pages["trusted"], count=1)
    assert f'href="{link}"' in split(page, root="../", folder="runs/abc/").html


def test_a_name_that_looks_like_a_link_is_left_alone(pages: dict[str, str]) -> None:
    told = '{"a":"<a href=","b":"x"}'.replace("<", "\\u003c")
    page = pages["trusted"].replace("</main>", f'<script type="application/json">{told}</script>')
    assert told in split(page, root="../", folder="runs/abc/").html


def test_a_page_of_another_form_is_refused(pages: dict[str, str]) -> None:
    page = pages["trusted"]
    with pytest.raises(PublishError, match="0 style of its own, not one"):
        split(page.replace("<style>", "<style media='all'>"), root="../")
    with pytest.raises(PublishError, match="0 script of its own, not one"):
        split(split(page, root="../").html.replace("<!--slot:head-->", "<style></style>"), root="")
    with pytest.raises(PublishError, match="2 script of its own, not one"):
        split(page.replace("</body>", "<script>alert(1)</script></body>"), root="../")
    with pytest.raises(PublishError, match="0 content security policy of its own"):
        split(page.replace("Content-Security-Policy", "Refresh"), root="../")


def test_a_page_whose_script_was_altered_is_refused(pages: dict[str, str]) -> None:
    for before, after in (("addEventListener", "removeEventListener"), (":root{", ":root{x:y;")):
        altered = pages["trusted"].replace(before, after, 1)
        assert altered != pages["trusted"]
        with pytest.raises(PublishError, match="does not allow its own style and script"):
            split(altered, root="../")


def test_slots_are_filled_and_others_stay_open() -> None:
    once = fill(BARE, {"since": "<b>\\1 new</b>"})
    assert once == "<p>one</p><!--slot:banner--><p>two</p><b>\\1 new</b><p>three</p>"
    assert fill(once, {"banner": ""}) == "<p>one</p><p>two</p><b>\\1 new</b><p>three</p>"
    assert fill(BARE, {}) == BARE


def test_a_slot_is_filled_once() -> None:
    with pytest.raises(PublishError, match="0 places for 'since', not one"):
        fill(fill(BARE, {"since": "x"}), {"since": "y"})
    with pytest.raises(PublishError, match="2 places for 'since', not one"):
        fill(BARE + BARE, {"since": "y"})
    with pytest.raises(ValueError, match="'since' holds a slot itself"):
        fill(BARE, {"since": "<!--slot:banner-->"})


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no slot is called 'sinse'; known: head, banner"):
        fill(BARE, {"sinse": "x"})


@pytest.mark.parametrize("case", CASES)
def test_every_page_has_every_slot(pages: dict[str, str], case: str) -> None:
    made = split(pages[case], root="../").html
    filled = fill(made, {name: f"<i>{name}</i>" for name in SLOTS})
    assert [filled.count(f"<i>{name}</i>") for name in SLOTS] == [1] * len(SLOTS)
    assert "<!--" not in filled
    assert filled.index("<i>head</i>") < filled.index("</head>") < filled.index("<i>banner</i>")
