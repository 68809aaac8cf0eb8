"""When the next page of a study is due: what its run could not know, said by the site's page."""

from __future__ import annotations

import re

from whatif.report.format import moment

# Our own markup, as every version of the run's page has it.
_OF_BODY = re.compile(r'(?<=<body) data-due="[^"]*"')
_BANNER = re.compile(r'<p id="stale".*?</p>\n?', re.DOTALL)
_FACT = re.compile(r"<dt>Next due<dd>[^<]*")
_BEFORE = re.compile(r"(?=<div><dt>Checks<dd)")


def with_due(html: str, next_due: str | None, published: str = "") -> str:
    """Return a run's page without its own banner, its strip naming the moments the site knows.

    A run knows its last day of data, the site when it was made; what is due next follows from
    the second. The site's own banner says when that has passed.

    Examples
    --------
    >>> with_due('<body data-due="2026-11-02T19:00:00Z"><p id="stale">Late.</p><h1>', None)
    '<body><h1>'
    """
    bare = _BANNER.sub("", _OF_BODY.sub("", html))
    if published:
        bare = _BEFORE.sub(f"<div><dt>Published<dd>{published}</div>", bare, count=1)
    if next_due is None:
        return bare
    said = f"<dt>Next due<dd>{moment(next_due)}"
    if _FACT.search(bare):
        return _FACT.sub(said, bare, count=1)
    return _BEFORE.sub(f"<div>{said}</div>", bare, count=1)
