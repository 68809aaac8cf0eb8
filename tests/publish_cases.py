"""Small runs, histories and pages for the tests of publishing, and what a reader must never see."""

from __future__ import annotations

import datetime as dt
import html
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from whatif.base.history import (
    History,
    MetricLine,
    PastRun,
    RunLine,
    SignOff,
    StudyCard,
)
from whatif.contract.stored import to_json
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.place import Place
from whatif.publish.run_folder import write_run
from whatif.publish.site import Published, publish
from whatif.report.html import content_security_policy
from whatif.report.site_mode import asset_name, split

LINE = RunLine(
    study="checkout",
    run_id="abc",
    question="Does showing every option raise conversion?",
    evidence="Randomised test",
    decision="roll_out",
    headline="Roll out expanded for everyone.",
    number="3.0 more orders per 1,000 sessions (likely range 1.6 to 4.6)",
    money="",
    as_of=dt.date(2026, 10, 31),
    data_from=dt.date(2026, 10, 1),
    data_to=dt.date(2026, 10, 31),
    next_due=None,
    arm="expanded",
    versus="current",
    metric=MetricLine(
        label="Orders",
        better="higher",
        factor=1000.0,
        prefix="",
        noun="orders",
        per="per 1,000 sessions",
        matters_from=None,
    ),
    baseline=0.045,
    estimate=0.003,
    std_error=0.001,
    ci=(0.0016, 0.0046),
    anytime=(0.001, 0.005),
    units=1000,
    clusters=900,
    held=5,
    judged=5,
    broke=(),
    fingerprint="f",
    study_hash="s",
    plan_hash="p",
    score_key="k",
    code="c",
    version="0.1.0",
)


def page_of(run_id: str, look: str = "") -> str:
    """Return a run's page as ``render_html`` makes them: style and script inside, links to it."""
    style, script = f"main{{margin:0}}{look}", f"document.title='{look}'"
    policy = html.escape(content_security_policy(script=script, style=style))
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<link rel="icon" href="data:,"><style>{style}</style><body><!--slot:since-->'
        f'<p>{run_id}</p><a href="answer.json">answer</a><script>{script}</script>\n'
    )


def make_run(out: Path, run_id: str = "abc", study: str = "checkout", look: str = "") -> Path:
    files = {
        "answer.json": f'{{"run_id": "{run_id}"}}\n'.encode(),
        "report.html": page_of(run_id, look).encode(),
        "scenario.json": f'{{"scenario": "{run_id}"}}\n'.encode(),
        "scores.parquet": b"one row per customer",
        "timings.json": b"{}\n",
    }
    return write_run(out, study, run_id, files).path


def signed(run_id: str, at: str) -> SignOff:
    return SignOff(run_id=run_id, by="Ann", at=at, decision="approve", note="Fine.")


def history_of(
    *run_ids: str,
    study: str = "checkout",
    shown: str | None = "",
    awaiting: str | None = None,
    signs: Mapping[str, SignOff] | None = None,
) -> History:
    """Return a history of runs; the newest is shown unless something else is said."""
    from dataclasses import replace

    newest = run_ids[-1] if run_ids else None
    return History(
        study=study,
        runs=tuple(
            PastRun(
                line=replace(LINE, study=study, run_id=run_id, headline=f"Headline of {run_id}."),
                finished_at="2026-11-02T07:00:00+00:00",
                sign_off=(signs or {}).get(run_id),
            )
            for run_id in run_ids
        ),
        shown=newest if shown == "" else shown,
        awaiting=awaiting,
        next_due=None,
    )


SHEET = b"body{color:#111}"
SITE_CSS = asset_name("site", "css", SHEET)


def files_of(history: History, look: str = "") -> dict[str, bytes]:
    """Render a study's pages as the report room would: every run linked, one shared sheet."""
    head = f'<link rel="stylesheet" href="../{SITE_CSS}">'
    links = "".join(
        f'<a href="runs/{run.line.run_id}/report.html">{run.line.run_id}</a>'
        for run in history.runs
    )
    files = {
        "history.html": f"{head}{links}".encode(),
        "history.json": to_json(history).encode(),
        "compare.html": f"{head}<p>{len(history.runs)} runs</p>".encode(),
        SITE_CSS: SHEET,
    }
    if history.shown is not None:
        run = history.shown
        page = split(page_of(run, look), root="../", folder=f"runs/{run}/")
        text = page.html.replace("<!--slot:since-->", '<a href="history.html">history</a>')
        files |= {"index.html": text.encode(), **page.assets}
    return files


def front(cards: Sequence[StudyCard]) -> dict[str, bytes]:
    """Render the files at the root of the site as the report room would."""
    rows = []
    for card in cards:
        if card.shown is not None:
            rows.append(
                f'<a href="{card.study}/index.html">{card.shown.line.headline}</a>'
                f'<a href="{card.study}/history.html">history</a>'
            )
        if card.awaiting is not None:
            rows.append(f'<a href="{card.study}/runs/{card.awaiting.line.run_id}/report.html">')
    runs = {card.study: card.shown and card.shown.line.run_id for card in cards}
    return {
        "index.html": f'<link rel="stylesheet" href="{SITE_CSS}">{"".join(rows)}'.encode(),
        "status.json": json.dumps({"schema": "status.v1", "studies": runs}).encode(),
        "feed.xml": f"<feed>{len(rows)}</feed>".encode(),
        SITE_CSS: SHEET,
    }


def put(place: Place, out: Path, history: History, *run_ids: str, look: str = "") -> Published:
    """Publish the named runs, by default the newest, as a caller does."""
    ids = run_ids or (history.runs[-1].line.run_id,)
    runs = [make_run(out, run_id, history.study, look) for run_id in ids]
    return publish(place, runs, history, files=files_of(history, look), front=front)


def tree(place: Place | Path) -> dict[str, bytes]:
    """Return every file of a site that a reader can reach."""
    where = LocalPlace(root=place) if isinstance(place, Path) else place
    return {name: where.read(name) or b"" for name in where.names()}


def everything(folder: Path) -> set[str]:
    """Return every path under a folder, hidden ones too, the lock aside."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return found - {".whatif.lock"}


def broken_links(site: Mapping[str, bytes]) -> list[str]:
    """Return what pages load or lead to and is not there."""
    return [
        f"{name} -> {link}"
        for name, content in site.items()
        if name.endswith(".html")
        for link in re.findall(r'(?:href|src)="([^"]+)"', content.decode())
        if ":" not in link
        and not link.startswith("#")
        and posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) not in site
    ]
