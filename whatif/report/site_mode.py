"""A run's single-file page as a page of the site: style and script in shared files, slots filled.

A run is never computed or rendered again to be published. Its page moves its style and its script
into files named by their content, so runs made by other versions keep their own look.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape

from whatif.base.errors import Problem, PublishError
from whatif.report.html import content_security_policy

ASSETS = "assets"
"""Folder of the shared files, under the root of a site."""

POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; img-src 'self' file:; "
    "base-uri 'none'; form-action 'none'"
)
"""Content security policy of every page of a site.

``'self'`` is enough for Chromium, also on a file share. Firefox takes every file for a site of its
own, so that ``'self'`` allows nothing there; ``file:`` allows what a page on the web cannot reach.
"""

ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    b'<rect width="16" height="16" rx="3" fill="#1f5fbf"/>'
    b'<path d="M3 8h10M3 5.5v5M13 5.5v5" stroke="#fff" stroke-width="1.4" fill="none"/>'
    b'<circle cx="8" cy="8" r="2.2" fill="#fff"/></svg>\n'
)
"""What stands in the tab: an estimate and its range."""

SLOTS = ("head", "banner", "review", "since", "links")
"""Where a page of the site says more than its run: ``head`` takes links to more style sheets."""

_SLOT = re.compile(r"<!--slot:([a-z]+)-->")
# Pages are made with and without the quotes that HTML lets us leave out.
_POLICY = re.compile(r'(<meta http-equiv="?Content-Security-Policy"? content=")([^"<>]*)(?=">)')
_STYLE = re.compile(r"<style>([^<]*)</style>")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_NO_ICON = re.compile(r'<link rel="?icon"? href="?data:,"?>')
# Not '#part', '/path', '//host' or 'scheme:', which mean the same wherever the page stands.
_RELATIVE = re.compile(r'(<a\b[^<>]*?\shref="?)(?![#/?]|[A-Za-z][A-Za-z0-9+.-]*:)(?=[^"\s>])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A page of the site and the shared files it loads.

    Attributes
    ----------
    html : str
        The page, without any style or script of its own.
    assets : mapping of str to bytes
        Content by name, such as ``assets/page-0123456789ab.css``, from the root of the site.
    """

    html: str
    assets: Mapping[str, bytes]


def asset_name(stem: str, suffix: str, content: bytes) -> str:
    """Return the name that a shared file has from the root of a site.

    Examples
    --------
    >>> asset_name("site", "css", b"main{}")
    'assets/site-607c763155aa.css'
    """
    return f"{ASSETS}/{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def split(html: str, *, root: str, folder: str = "") -> Split:
    """Return a run's single-file page as a page that loads its style and script from the site.

    Parameters
    ----------
    html : str
        What ``render_html`` returned, by this version or another.
    root : str
        How the page reaches the root of the site: ``"../../../"`` from its run, ``"../"`` from
        its study.
    folder : str
        How the page reaches the files of its run, for the links that name them: ``""`` from the
        run's own folder, ``"runs/<run_id>/"`` from the study's.

    Raises
    ------
    PublishError
        If the page is not one that ``render_html`` makes, or its style or script is not what its
        policy allows.
    """
    style, script = _only(_STYLE, html, "style"), _only(_SCRIPT, html, "script")
    policy = _only(_POLICY, html, "content security policy")
    if unescape(policy[2]) != content_security_policy(script=script[1], style=style[1]):
        raise _foreign("its policy does not allow its own style and script")
    css, js = style[1].encode(), script[1].encode()
    names = {
        asset_name("page", "css", css): css,
        asset_name("page", "js", js): js,
        asset_name("icon", "svg", ICON): ICON,
    }
    sheet, code, icon = (escape(f"{root}{name}") for name in names)
    moved = (
        html[: script.start()] + f'<script src="{code}"></script>' + html[script.end() :]
    ).replace(style[0], f'<link rel="stylesheet" href="{sheet}">\n<!--slot:head-->', 1)
    moved = _POLICY.sub(rf"\g<1>{POLICY}", moved)
    moved = _NO_ICON.sub(f'<link rel="icon" href="{icon}">', moved, count=1)
    return Split(html=_RELATIVE.sub(rf"\g<1>{escape(folder)}", moved), assets=names)


def fill(html: str, slots: Mapping[str, str]) -> str:
    """Return a page with some of its slots filled; a slot can be filled once.

    Parameters
    ----------
    html : str
        A page, from `split` or with the slots of a run's own page.
    slots : mapping of str to str
        HTML of our own templates by the name of its slot. It is not escaped here.

    Raises
    ------
    ValueError
        If there is no slot of such a name, or the HTML brings slots of its own.
    PublishError
        If the page does not have the slot: it was filled before, or the run is too old.

    Examples
    --------
    >>> fill("<header></header><!--slot:since-->", {"since": "<p>Nothing.</p>"})
    '<header></header><p>Nothing.</p>'
    """
    unknown = sorted(set(slots) - set(SLOTS))
    if unknown:
        raise ValueError(f"no slot is called {unknown[0]!r}; known: {', '.join(SLOTS)}.")
    nested = [name for name, content in slots.items() if _SLOT.search(content)]
    if nested:
        raise ValueError(f"what goes into slot {nested[0]!r} holds a slot itself.")
    there = _SLOT.findall(html)
    for name in slots:
        if there.count(name) != 1:
            raise _foreign(f"it has {there.count(name)} places for {name!r}, not one")
    return _SLOT.sub(lambda slot: slots.get(slot[1], slot[0]), html)


def slots_in(html: str) -> tuple[str, ...]:
    """Return the names of the slots that a page still has, in its order."""
    return tuple(_SLOT.findall(html))


def _only(pattern: re.Pattern[str], html: str, what: str) -> re.Match[str]:
    found = list(pattern.finditer(html))
    if len(found) != 1:
        raise _foreign(f"it has {len(found)} {what} of its own, not one")
    return found[0]


def _foreign(how: str) -> PublishError:
    return PublishError(
        Problem(
            what=f"A run's page cannot become a page of the site: {how}.",
            why="readers would see a page without its look, or one that somebody altered.",
            fix="run the study again with this version; that makes the page anew.",
        )
    )
