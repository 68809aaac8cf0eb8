"""A study with runs, a site and a trail, made in a moment, and ways to tamper with them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

from whatif.base.audit import Audit
from whatif.base.history import SignOff
from whatif.base.plan import MetricPlan, Plan
from whatif.publish.audit.lock_plan import lock_plan
from whatif.publish.audit.record import record_publish, record_run
from whatif.publish.audit.sign import sign
from whatif.publish.audit.trail import TRAIL, read_trail
from whatif.publish.places.opening import open_place
from whatif.publish.places.place import Place
from whatif.publish.run_folder import CHECKSUMS, sums, write_run

NOW = dt.datetime(2026, 11, 2, 7, tzinfo=dt.UTC)
STUDY = "checkout"
PLAN = Plan(
    treatment="presentation",
    control="folded",
    metrics=(MetricPlan(name="converted", role="primary"),),
)


def at(days: int) -> dt.datetime:
    return NOW + dt.timedelta(days=days)


def run_files(run_id: str, decision: str = "roll_out") -> dict[str, bytes]:
    answer = {"run_id": run_id, "verdict": {"decision": decision}}
    return {
        "answer.json": json.dumps(answer).encode(),
        "report.html": f"<p>{run_id}</p>\n".encode(),
        "timings.json": b"{}\n",
    }


def make_run(
    out: Path,
    run_id: str,
    *,
    study: str = STUDY,
    decision: str = "roll_out",
    days: int = 0,
    key: bytes | None = None,
) -> Path:
    lock_plan(out, study, PLAN, now=at(days), key=key)
    made = write_run(out, study, run_id, run_files(run_id, decision))
    record_run(out, study, run_id, now=at(days), fresh=not made.unchanged, key=key)
    return made.path


def signed(run_id: str, decision: str = "approve", **changes: str) -> SignOff:
    told = {"by": "Ada Lovelace", "at": at(1).isoformat(), "note": "Looks right."}
    return SignOff(run_id=run_id, decision=decision, **{**told, **changes})  # type: ignore[arg-type]


def site_files(out: Path, run_id: str, study: str = STUDY) -> dict[str, bytes]:
    """Return what a publish puts up: the page, the run, its card, an asset and the front page."""
    own = run_files(run_id)
    head = read_trail(out, study).head
    status = {"studies": {study: {"audit_head": head}}}
    return {
        "assets/page-1a2b.css": b"p{}",
        f"{study}/runs/{run_id}/report.html": b'<link href="../../../assets/page-1a2b.css">',
        f"{study}/runs/{run_id}/answer.json": own["answer.json"],
        f"{study}/runs/{run_id}/{CHECKSUMS}": sums(own),
        f"{study}/index.html": f'<link href="../assets/page-1a2b.css">{run_id}'.encode(),
        f"{study}/card.json": json.dumps({"study": study, "audit_head": head}).encode(),
        "status.json": json.dumps(status).encode(),
        "index.html": f"<p>{study} {run_id}</p>".encode(),
    }


def publish(
    out: Path,
    run_id: str,
    place: Place,
    *,
    study: str = STUDY,
    days: int = 2,
    key: bytes | None = None,
) -> None:
    files = site_files(out, run_id, study)
    with place.lock():
        for name, content in files.items():
            place.write(name, content)
    record_publish(out, study, run_id, place=place.address, files=files, now=at(days), key=key)


def life(out: Path, *, key: bytes | None = None) -> Place:
    """Two runs, the first one approved, both published; return the site."""
    site = open_place(out / "site")
    make_run(out, "aaa", key=key)
    sign(out, STUDY, signed("aaa"), key=key)
    publish(out, "aaa", site, key=key)
    make_run(out, "bbb", days=7, key=key)
    sign(out, STUDY, signed("bbb", "hold", at=at(8).isoformat()), key=key)
    publish(out, "bbb", site, days=9, key=key)
    return site


def trail_of(out: Path, study: str = STUDY) -> Path:
    return out / study / TRAIL


def lines_of(out: Path) -> list[bytes]:
    return trail_of(out).read_bytes().splitlines(keepends=True)


def put_lines(out: Path, lines: list[bytes]) -> None:
    trail_of(out).write_bytes(b"".join(lines))


def with_eve(lines: list[bytes]) -> list[bytes]:
    """Alter who signed."""
    return [line.replace(b'"Ada Lovelace"', b'"Eve"') for line in lines]


def edit_run(name: str, *, again: bool) -> Callable[[Path], None]:
    """Return a way to alter a file of a run and, if `again`, to sum the files anew."""

    def tamper(run: Path) -> None:
        (run / name).write_bytes((run / name).read_bytes().replace(b"a", b"e"))
        if again:
            files = {p.name: p.read_bytes() for p in run.iterdir() if p.name != CHECKSUMS}
            (run / CHECKSUMS).write_bytes(sums(files))

    return tamper


def codes(audit: Audit) -> set[str]:
    """Return what an audit found wrong."""
    return {one.code for one in audit.findings}
