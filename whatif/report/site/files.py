"""The files of a published site, by name: those of one study, and those of the front."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.base.history import History, PastRun, StudyCard
from whatif.base.readers import card_of, reviewed
from whatif.report.site.amounts import moment_day, study_title, url_part
from whatif.report.site.blocks import DOWNLOADS, banner, links, review, since
from whatif.report.site.compare_page import compare_page
from whatif.report.site.due import with_due
from whatif.report.site.feed import feed
from whatif.report.site.front import failure_line, front_page, waiting
from whatif.report.site.history_page import history_csv, history_json, history_page
from whatif.report.site.rendering import assets, document, render
from whatif.report.site.status import status
from whatif.report.site_mode import fill, split

TITLE = "Studies"


def study_files(
    run_html: str | None,
    history: History,
    *,
    review_required: bool = False,
    downloads: Sequence[str] = DOWNLOADS,
    explore: bool = False,
) -> dict[str, bytes]:
    """Return the pages of one study; equal histories give equal bytes.

    Parameters
    ----------
    run_html : str or None
        The single-file page of the shown run; None where no run is shown.
    history : History
        All runs. What those after the shown one found is left out of every file.
    review_required : bool
        Whether a run without a sign-off *awaits review*; else nothing is said of it.
    downloads : sequence of str
        Files in the run's folder on the site that the page links to.
    explore : bool
        Whether there is an ``explore.html`` beside the page.

    Returns
    -------
    dict of str to bytes
        Names beginning with ``assets/`` stand in the root of the site, all others in the folder
        of the study. ``index.html`` is the last one.

    Raises
    ------
    PublishError
        If the page is not one that this or an earlier version of `render_html` made.
    ValueError
        If a run is shown and its page is not given, or the other way round.
    """
    known, run = reviewed(history), history.of(history.shown)
    if (run is None) != (run_html is None) or (run is None) != (history.shown is None):
        raise ValueError(f"the page given is not that of the shown run {history.shown!r}.")
    if run is None or run_html is None:
        pages, shared = _unshown(known), assets().files
    else:
        page = split(run_html, root="../", folder=f"runs/{url_part(run.line.run_id)}/")
        shared = {**page.assets, **assets().files}
        slots = {
            "head": render("head.html.j2", root="../", assets=assets()),
            "banner": banner(known, run),
            "review": review(run, required=review_required),
            "since": since(known, run),
            "links": links(run, downloads=downloads, explore=explore),
        }
        published = "" if run.published_at is None else moment_day(run.published_at)
        pages = fill(with_due(page.html, known.next_due, published), slots).encode()
    return {
        **shared,
        "history.json": history_json(known),
        "history.csv": history_csv(known),
        "history.html": history_page(known),
        "compare.html": compare_page(known),
        "index.html": pages,
    }


def _unshown(history: History) -> bytes:
    card = card_of(history)
    newest: PastRun | None = history.runs[-1] if history.runs else None
    return document(
        "unshown.html.j2",
        root="../",
        heading=study_title(history.study),
        question="" if newest is None else newest.line.question,
        failure=failure_line(card),
        awaiting=waiting(card, to_study=""),
    )


def front_files(
    cards: Sequence[StudyCard], *, title: str = TITLE, base_url: str = ""
) -> dict[str, bytes]:
    """Return the front of a site: shared files, ``status.json``, ``feed.xml``, ``index.html``.

    Parameters
    ----------
    cards : sequence of StudyCard
        One per study, in any order.
    title : str
        Heading of the front page and name of the feed.
    base_url : str
        Address of the site's root, for the feed; may be empty.
    """
    ordered = sorted(cards, key=lambda card: card.study)
    return {
        **assets().files,
        "status.json": status(ordered),
        "feed.xml": feed(ordered, title=title, base_url=base_url),
        "index.html": front_page(ordered, title=title),
    }
