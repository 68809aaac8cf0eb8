"""What a site costs as it grows: in studies, and in the runs of one study.

``python -m tests.benchmarks.published studies RUN 100`` renders and publishes 100 studies with the
page and the downloads of the stored run in the folder RUN, ten past runs each; ``... runs RUN
2000`` reads and renders one study that ran 2,000 times. Both print what they took as JSON.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from whatif.base.history import Change, ChangePart, History, PastRun, RunLine
from whatif.base.readers import card_of
from whatif.publish.audit.entry import first_link, line_of, made
from whatif.publish.audit.record import record_publish
from whatif.publish.audit.trail import TRAIL, sound_entries
from whatif.publish.places.opening import open_place
from whatif.publish.run_folder import read_intact, write_run
from whatif.publish.site import PAGE, PUBLISHED, publish
from whatif.publish.store.opening import open_store
from whatif.publish.store.records import FinishedRun
from whatif.report.site.files import front_files, study_files
from whatif.run.history import history_of, spec_of
from whatif.run.making import line_in

PAST = 10
START = dt.datetime(2026, 1, 5, 7, tzinfo=dt.UTC)
_SHARES = (("mix", 0.55), ("mechanism", 0.35), ("revised_data", 0.1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored run that lends its page, its downloads and its numbers to every study."""

    line: RunLine
    files: dict[str, bytes]

    def named(self, study: str, run_id: str) -> dict[str, bytes]:
        """Return the files under another study's name and another id."""
        names = {
            self.line.study: study,
            self.line.study.replace("-", " ").capitalize(): study.replace("-", " ").capitalize(),
            self.line.run_id: run_id,
        }
        files = dict(self.files)
        for old, new in names.items():
            files = {name: c.replace(old.encode(), new.encode()) for name, c in files.items()}
        return files


def stored(folder: Path) -> Stored:
    """Read a run folder.

    Raises
    ------
    SystemExit
        If it is not intact.
    """
    files = read_intact(folder, PUBLISHED)
    if files is None:
        raise SystemExit(f"{folder} is no intact run folder.")
    return Stored(line=line_in(folder), files=files)


def past_runs(line: RunLine, study: str, count: int) -> tuple[PastRun, ...]:
    """Return a study's runs, day after day: the estimate settles, every move is explained."""
    lines = [_on_day(line, study, day) for day in range(1, count + 1)]
    changes = (None, *(_change(before, now) for before, now in pairwise(lines)))
    days = [(START + dt.timedelta(days=n)).isoformat() for n in range(count)]
    return tuple(
        PastRun(line=one, finished_at=at, published_at=at, change=change)
        for one, at, change in zip(lines, days, changes, strict=True)
    )


def _on_day(line: RunLine, study: str, n: int) -> RunLine:
    assert line.estimate is not None
    day = START.date() + dt.timedelta(days=n - 1)
    by = line.estimate * (-1) ** n / (2 * n)
    low, high = (None if end is None else end + by for end in line.ci)
    return replace(
        line,
        study=study,
        run_id=hashlib.sha256(f"{study} {n}".encode()).hexdigest()[: len(line.run_id)],
        as_of=day,
        data_to=day,
        estimate=line.estimate + by,
        ci=(low, high),
    )


def _change(before: RunLine, now: RunLine) -> Change:
    assert before.estimate is not None
    assert now.estimate is not None
    total = now.estimate - before.estimate
    return Change(
        before=before.run_id,
        now=now.run_id,
        estimate_before=before.estimate,
        estimate_now=now.estimate,
        ci_before=before.ci,
        ci_now=now.ci,
        total=total,
        ci=(total - 0.004, total + 0.004),
        parts=tuple(
            ChangePart(
                kind=kind,  # type: ignore[arg-type]
                estimate=share * total,
                ci=(share * total - 0.003, share * total + 0.003),
                share=share,
            )
            for kind, share in _SHARES
        ),
        said=("25,000 sessions of 8,200 customers are new.", "The study file is the same."),
    )


def _history(runs: Sequence[PastRun]) -> History:
    last = runs[-1].line
    return History(
        study=last.study,
        runs=tuple(runs),
        shown=last.run_id,
        awaiting=None,
        next_due=(START + dt.timedelta(weeks=200)).isoformat(),
        fresh_until=last.as_of,
        audit_head=hashlib.sha256(last.study.encode()).hexdigest(),
    )


Clock = Callable[[], float]


def timed(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Return the seconds that something takes."""
    began = clock()
    work()
    return clock() - began


def _shortest(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    return min(timed(work, clock) for _ in range(5))


def many_studies(run: Stored, count: int, folder: Path) -> dict[str, float]:
    """Return seconds of a site of `count` studies: rendered, put up one by one, and again.

    ``render`` (median) and ``front`` (shortest of five) are seconds of the processor a study,
    ``again`` is the median of seconds a study, ``first`` their sum over all. A study is put up as
    its scheduled command does it: its pages are rendered, its newest run and its pages written,
    the front page rendered from every study's card.
    """
    histories = [_history(past_runs(run.line, f"study-{n:04}", PAST)) for n in range(count)]
    cards = [card_of(one) for one in histories]

    def page_of(history: History) -> str:
        return run.named(history.study, str(history.shown))[PAGE].decode()

    def put_up(history: History, *, changed: bool) -> float:
        files = run.named(history.study, str(history.shown))
        at = write_run(folder / "out", history.study, str(history.shown), files).path
        began = time.perf_counter()
        page = files[PAGE].decode()
        told = study_files(page, history)
        done = publish(place, [at], history, files=told, front=front_files)
        took = time.perf_counter() - began
        if done.unchanged == changed:
            raise SystemExit(f"{history.study}: unchanged is {done.unchanged}.")
        return took

    place = open_place(folder / "site")
    study_files(page_of(histories[0]), histories[0])  # templates are compiled once
    cpu = time.process_time
    rendered = [timed(partial(study_files, page_of(one), one), cpu) for one in histories]
    front = _shortest(lambda: front_files(cards), cpu)
    first = [put_up(one, changed=True) for one in histories]
    again = [put_up(one, changed=False) for one in histories]
    return {
        "render": median(rendered),
        "front": front / count,
        "first": sum(first),
        "again": median(again),
    }


def many_runs(run: Stored, folder_of_run: Path, count: int, folder: Path) -> dict[str, float]:
    """Return seconds to read and render a study that ran `count` times.

    The trail is read once, as a command meets it; the rest is the shortest of five, after that.
    """
    spec = spec_of(folder_of_run).model_copy(update={"study": "evergreen"})
    runs = past_runs(run.line, spec.study, count)
    files = run.named(spec.study, runs[-1].line.run_id)
    out = folder / "out"
    _write_trail(out / spec.study / TRAIL, runs)
    trail = timed(lambda: sound_entries(out, spec.study))
    with open_store(folder / "runs.sqlite") as store:
        store.keep(
            *(
                FinishedRun(
                    line=one.line, checks=(), finished_at=dt.datetime.fromisoformat(one.finished_at)
                )
                for one in runs
            )
        )
        for one in runs:
            store.published(spec.study, one.line.run_id, place="/site", now=START)
            if one.change is not None:
                store.save_change(spec.study, one.change)
        history = history_of(out, spec, store=store)
        if len(history.runs) != count or history.runs[-1].change is None:
            raise SystemExit("the history read is not the one that was written.")
        read = _shortest(lambda: history_of(out, spec, store=store))
    page = files[PAGE].decode()
    told = study_files(page, history)
    record = partial(
        record_publish, out, spec.study, str(history.shown), place="/site", files=told, now=START
    )
    record()
    return {
        "trail": trail,
        "history": read,
        "pages": _shortest(lambda: study_files(page, history)),
        "front": _shortest(lambda: front_files([card_of(history)])),
        "record": _shortest(record),
        "trail megabytes": (out / spec.study / TRAIL).stat().st_size / 1e6,
    }


def _write_trail(path: Path, runs: Sequence[PastRun]) -> None:
    """Write a trail as `count` published runs leave it."""
    path.parent.mkdir(parents=True)
    link = first_link(runs[0].line.study)
    with path.open("wb") as handle:
        for n, (kind, content) in enumerate(_recorded(runs), start=1):
            entry = made(link, n=n, at=START.isoformat(), kind=kind, content=content)  # type: ignore[arg-type]
            handle.write(line_of(entry))
            link = entry.hash


def _recorded(runs: Sequence[PastRun]) -> Iterator[tuple[str, dict[str, object]]]:
    for one in runs:
        study, run_id = one.line.study, one.line.run_id
        digest = hashlib.sha256(run_id.encode()).hexdigest()
        yield "run", {"run_id": run_id, "sums": digest, "content": digest}
        names = [
            *(f"{study}/runs/{run_id}/{name}" for name in (*PUBLISHED, "SHA256SUMS")),
            *(f"{study}/{name}" for name in ("index.html", "history.html", "history.json")),
            *(f"{study}/{name}" for name in ("history.csv", "compare.html", "card.json")),
            *(f"{study}/answer.json", "index.html", "feed.xml", "status.json"),
        ]
        content: dict[str, object] = {
            "run_id": run_id, "place": "/site", "files": dict.fromkeys(names, digest), "gone": [],
        }  # fmt: skip
        yield "publish", content


def main(words: Sequence[str]) -> None:
    """Measure one site and print the figures."""
    what, named, count = words
    folder_of_run = Path(named)
    run = stored(folder_of_run)
    with tempfile.TemporaryDirectory() as name:
        if what == "studies":
            took = many_studies(run, int(count), Path(name))
        else:
            took = many_runs(run, folder_of_run, int(count), Path(name))
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
