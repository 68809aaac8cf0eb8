"""How fast and how small is a run, beside the bare cross-fit and beside other software?

``make bench`` runs the shared ``floor.py`` and ``peers.py`` and our own command in one session and
writes ``tests/benchmarks/RESULTS.md``; ``make bench ONLY=memory`` measures one part again and
leaves the rows of the others as they are.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.commands import (
    STUDY,
    Taken,
    bench_folder,
    demo_run,
    published_run,
    python,
    study_folder,
    whatif,
)
from tests.benchmarks.running import keep, machine, made_on, sections

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Speed and memory

Made by `make bench`: on one machine, in one session, floor and run interleaved, the shortest of
each. A run is `whatif run STUDY --quick --publish` from start to end of the command, with an empty
score cache: Parquet in, page on the site out; 16 covariates, two outcomes and a ratio, 9 segments,
errors clustered by customer. The seconds of the floor and of other software are their own count,
which leaves out starting Python and making the data. Memory is the largest resident size of the
process, in 10⁹ bytes. A site shows the demo's run under other names, ten past runs a study. Rows
stay until their part is measured again."""
RATIOS, MEASURED, WHERE = "Ratios and goals", "Every measurement", "Machine and versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sessions of the main, the small and the largest study, and how often to repeat."""

    main: int
    small: int
    most: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One line of the table: what was measured, and the figure that was asked for.

    Attributes
    ----------
    work, figures : str
        What was done, and the two figures behind `value`.
    value, limit : float
        The figure, and where the goal ends.
    unit : str
        Of both.
    least : bool
        Whether the goal is at least the limit; at most otherwise.
    """

    work: str
    figures: str
    value: float
    limit: float
    unit: str = "×"
    least: bool = False

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the line; the verdict is taken before rounding."""
        met = self.value >= self.limit if self.least else self.value <= self.limit
        sign = "≥" if self.least else "≤"
        shown = f"{self.value:.3g}" if self.value < 1_000 else f"{self.value:,.0f}"
        return (
            self.work,
            self.figures,
            f"{shown} {self.unit}",
            f"{sign} {self.limit:g} {self.unit}",
            "met" if met else "**not met**",
        )


class Session:
    """Runs commands and keeps what each took, in order."""

    def __init__(self, part: str) -> None:
        self.lines: list[tuple[str, ...]] = []
        self._part = part

    def note(self, what: str, took: Taken) -> Taken:
        """Keep one measurement and show it on stderr."""
        self.lines.append((what, f"{took.seconds:.2f}", f"{took.gigabytes:.2f}"))
        sys.stderr.write(f"{self._part}: {what}: {took.seconds:.2f} s, {took.gigabytes:.2f} GB\n")
        return took

    def ours(self, folder: Path, sessions: int, *, quick: bool = True) -> Taken:
        """Run and publish the study in `folder` once."""
        checks = "--quick " if quick else ""
        with published_run(folder, quick=quick) as (took, _):
            return self.note(f"whatif run {checks}--publish, {sessions:,}", took)

    def floor(self, sessions: int) -> Taken:
        """Run the bare cross-fit once."""
        return self.note(
            f"floor.py, {sessions:,}", python("-B", bench_folder() / "floor.py", str(sessions))
        )

    def peer(self, name: str, sessions: int) -> Taken:
        """Run one peer once, with two folds or two simulations."""
        took = python("-B", bench_folder() / "peers.py", name, str(sessions), "2")
        return self.note(f"peers.py {name}, {sessions:,}", took)


def measure_floor(session: Session, sizes: Sizes) -> list[Goal]:
    """Time and memory of a run against the bare cross-fit of the same data."""
    n = sizes.main
    with study_folder(n) as folder:
        pairs = [(session.floor(n), session.ours(folder, n)) for _ in range(sizes.repeats)]
    floor, run = (min(took.seconds for took in side) for side in zip(*pairs, strict=True))
    bare, peak = (max(took.gigabytes for took in side) for side in zip(*pairs, strict=True))
    return [
        Goal(work=f"run, {n:,} sessions, against the floor",
             figures=f"{run:.2f} s, floor {floor:.2f} s", value=run / floor, limit=1.0),
        Goal(work=f"run, {n:,} sessions, peak memory",
             figures=f"floor {bare:.2f} GB", value=peak, limit=1.5, unit="GB"),
    ]  # fmt: skip


def measure_doubleml(session: Session, sizes: Sizes) -> list[Goal]:
    """Time a run against DoubleML's estimates alone: two outcomes, three segments, sensitivity."""
    n = sizes.main
    with study_folder(n) as folder:
        run = session.ours(folder, n)
    other = session.peer("doubleml", n)
    return [
        Goal(work=f"run, {n:,} sessions, against DoubleML's estimates",
             figures=f"{run.seconds:.2f} s, DoubleML {other.seconds:.2f} s",
             value=run.seconds / other.seconds, limit=1.0),
    ]  # fmt: skip


def measure_dowhy(session: Session, sizes: Sizes) -> list[Goal]:
    """Time a run, with and without checks that refit, against DoWhy + EconML with refuters."""
    n = sizes.small
    with study_folder(n) as folder:
        pairs = [
            (session.ours(folder, n), session.ours(folder, n, quick=False))
            for _ in range(sizes.repeats)
        ]
    quick, full = (min(took.seconds for took in side) for side in zip(*pairs, strict=True))
    doubleml = session.peer("doubleml", n).seconds
    dowhy = float(session.peer("dowhy-econml", n).said["default_seconds"])
    beside = f"DoWhy + EconML {dowhy:,.0f} s at 100 simulations, scaled from 2"
    return [
        Goal(work=f"run --quick, {n:,} sessions, faster than DoWhy + EconML",
             figures=f"{quick:.2f} s, {beside}", value=dowhy / quick, limit=100, least=True),
        Goal(work=f"run with all checks, {n:,} sessions, faster than DoWhy + EconML",
             figures=f"{full:.2f} s, {beside}", value=dowhy / full, limit=50, least=True),
        Goal(work=f"run --quick, {n:,} sessions, against DoubleML's estimates",
             figures=f"{quick:.2f} s, DoubleML {doubleml:.2f} s", value=quick / doubleml,
             limit=1.0),
    ]  # fmt: skip


def measure_checks(session: Session, sizes: Sizes) -> list[Goal]:
    """Seconds of all checks, those that train models included, against the study's own fit."""
    n = sizes.main
    with study_folder(n) as folder, published_run(folder, quick=False) as (took, out):
        session.note(f"whatif run --publish, {n:,}", took)
        (kept,) = (out / STUDY / "runs").glob("*/timings.json")
        stages = json.loads(kept.read_text(encoding="utf-8"))
    return [
        Goal(work=f"all checks, {n:,} sessions, against the fit of the scores",
             figures=f"{stages['checks']:.2f} s, fit {stages['scores']:.2f} s",
             value=stages["checks"] / stages["scores"], limit=2.0),
    ]  # fmt: skip


def measure_growth(session: Session, sizes: Sizes) -> list[Goal]:
    """Time and memory per session as sessions grow; the largest study runs once."""
    steps = [(sizes.small, sizes.repeats), (sizes.main, sizes.repeats), (sizes.most, 1)]
    best: list[tuple[int, float, float]] = []
    for n, repeats in steps:
        if best and n <= best[-1][0]:
            continue
        with study_folder(n) as folder:
            took = [session.ours(folder, n) for _ in range(repeats)]
        best.append((n, min(t.seconds for t in took), max(t.gigabytes for t in took)))
    made = []
    for (n, seconds, peak), (m, later, higher) in pairwise(best):
        step = f"{n:,} → {m:,} sessions"
        made += [
            Goal(work=f"{step}: time per session grows by",
                 figures=f"{seconds:.2f} s → {later:.2f} s",
                 value=later / m / (seconds / n), limit=1.0),
            Goal(work=f"{step}: memory per session grows by",
                 figures=f"{peak:.2f} GB → {higher:.2f} GB",
                 value=higher / m / (peak / n), limit=1.0),
        ]  # fmt: skip
    return made


def measure_memory(session: Session, sizes: Sizes) -> list[Goal]:
    """Peak memory of twice the main study with 20 covariates."""
    n = 2 * sizes.main
    with study_folder(n, noise_columns=12) as folder:
        took = session.ours(folder, n)
    work = f"run, {n:,} sessions × 20 covariates, peak memory"
    return [Goal(work=work, figures=f"in {took.seconds:.1f} s", value=took.gigabytes, limit=2.5,
                 unit="GB")]  # fmt: skip


def measure_views(session: Session, sizes: Sizes) -> list[Goal]:
    """Questions asked of the stored scores of the main study, and of the page's sliders."""
    n = sizes.main
    with study_folder(n) as folder, published_run(folder, quick=True) as (_, out):
        said = session.note(
            f"opening the run and asking it, {n:,}",
            python("-m", "tests.benchmarks.views", STUDY, out),
        ).said
    moved = session.note("moving sliders", python("-m", "tests.benchmarks.sliders")).said
    return [
        *(
            Goal(work=f"{what} on stored scores, {n:,} sessions", figures="shortest of 5",
                 value=said[key], limit=50, unit="ms")
            for key, what in (
                ("scenario", "a scenario"),
                ("scenario at another mix", "a scenario at another mix"),
                ("cut", "a new segment cut"),
            )
        ),
        Goal(work="one evaluation of the sliders in Chromium, 24 cells",
             figures="shortest of 200", value=moved["milliseconds"], limit=0.1, unit="ms"),
    ]  # fmt: skip


def measure_imports(session: Session, _sizes: Sizes) -> list[Goal]:
    """Seconds until the package can be used, and until help is on the screen."""
    counted = (
        "import json, time; began = time.perf_counter(); import whatif; "
        "print(json.dumps({'seconds': time.perf_counter() - began}))"
    )
    package = [session.note("import whatif", python("-c", counted)) for _ in range(5)]
    command = [session.note("whatif --help", whatif("--help")) for _ in range(5)]
    return [
        Goal(work="import whatif", figures="shortest of 5", value=min(t.seconds for t in package),
             limit=0.25, unit="s"),
        Goal(work="whatif --help", figures="shortest of 5", value=min(t.seconds for t in command),
             limit=0.35, unit="s"),
    ]  # fmt: skip


def measure_site(session: Session, sizes: Sizes) -> list[Goal]:
    """Time and memory of a site as studies are added, and of a study as its runs are.

    Putting a study up renders the front page from the cards of all studies, so it grows with the
    site; it is told by how much, from publishes that change nothing.
    """
    few, many, short, long = 25, 200, 200, 2_000
    with demo_run() as run:
        sites = {n: _site(session, run, "studies", n, sizes) for n in (few, 50, 100, many)}
        runs = {n: _site(session, run, "runs", n, sizes) for n in (short, long)}

    def grows(what: str, key: str) -> Goal:
        least, most = sites[few][key], sites[many][key]
        figures = f"{1e3 * least:.2f} ms → {1e3 * most:.2f} ms a study"
        work = f"{few} → {many} studies: processor time of {what} grows by"
        return Goal(work=work, figures=figures, value=most / least, limit=1.25)

    def within(what: str, key: str) -> Goal:
        figures = f"that ran {short:,} times: {runs[short][key]:.3f} s"
        work = f"a study that ran {long:,} times: {what}"
        return Goal(work=work, figures=figures, value=runs[long][key], limit=1.0, unit="s")

    again = {n: sites[n]["again"] for n in (few, many)}
    slope = (again[many] - again[few]) / (many - few)
    low, high = sites[few]["GB"], sites[many]["GB"]
    return [
        grows("rendering a study's pages", "render"),
        grows("rendering the front page", "front"),
        Goal(work="each further study on a site lengthens a publish by", value=1e3 * slope,
             figures=f"{1e3 * again[few]:.1f} ms of {few}, {1e3 * again[many]:.1f} ms of {many}",
             limit=1.0, unit="ms"),
        Goal(work=f"{few} → {many} studies: memory grows by",
             figures=f"{low:.3f} GB → {high:.3f} GB", value=high / low, limit=1.1),
        within("reading its audit trail", "trail"),
        within("reading its history", "history"),
        within("rendering its pages", "pages"),
        within("rendering the front page", "front"),
    ]  # fmt: skip


def _site(session: Session, run: Path, what: str, count: int, sizes: Sizes) -> dict[str, float]:
    """Return the shortest seconds of each kind, and the largest memory as ``GB``."""
    done = [
        session.note(
            f"{count:,} {what}", python("-m", "tests.benchmarks.published", what, run, str(count))
        )
        for _ in range(sizes.repeats)
    ]
    least = {key: min(took.said[key] for took in done) for key in done[0].said}
    return {**least, "GB": max(took.gigabytes for took in done)}


PARTS: dict[str, Callable[[Session, Sizes], list[Goal]]] = {
    "floor": measure_floor,
    "doubleml": measure_doubleml,
    "dowhy": measure_dowhy,
    "checks": measure_checks,
    "growth": measure_growth,
    "memory": measure_memory,
    "views": measure_views,
    "site": measure_site,
    "imports": measure_imports,
}
"""What ``make bench`` measures, in the order of the page."""


def merged(
    page: str, title: str, head: Sequence[str], rows: dict[str, list[tuple[str, ...]]]
) -> str:
    """Return the table `title` of the page with the rows of the parts in `rows` replaced.

    A row's first cell is its part.
    """
    lines = sections(page).get(title, "").splitlines()[2:]
    kept = {part: [line for line in lines if line.startswith(f"| {part} |")] for part in PARTS}
    for part, cells in rows.items():
        kept[part] = ["| " + " | ".join([part, *row]) + " |" for row in cells]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*table, *(line for part in PARTS for line in kept[part])])


def main(words: Sequence[str] | None = None, *, results: Path = RESULTS) -> None:
    """Measure the parts asked for and keep each as soon as it is done."""
    options = _options(words)
    bench_folder()
    sizes = Sizes(main=options.sessions, small=options.small, most=options.most,
                  repeats=options.repeats)  # fmt: skip
    for part in options.only:
        session = Session(part)
        goals = PARTS[part](session, sizes)
        day = str(dt.datetime.now(dt.UTC).date())
        page = results.read_text(encoding="utf-8") if results.exists() else ""
        ratios = {part: [(*goal.cells(), day) for goal in goals]}
        keep(
            results,
            head=HEAD,
            order=[RATIOS, WHERE, MEASURED],
            measured={
                RATIOS: merged(page, RATIOS, ["part", "work", "figures", "measured", "goal", "",
                                              "day"], ratios),
                WHERE: f"{machine()}. Last measured ({part}) on {made_on()}.",
                MEASURED: merged(page, MEASURED, ["part", "what", "seconds", "GB"],
                                 {part: session.lines}),
            },
        )  # fmt: skip
    sys.stdout.write(sections(results.read_text(encoding="utf-8"))[RATIOS] + "\n")


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time and memory beside the floor and the peers.")
    add = parser.add_argument
    add("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
        help=f"parts to measure: {', '.join(PARTS)}")  # fmt: skip
    add("--sessions", type=int, default=1_000_000, help="sessions of the main study")
    add("--small", type=int, default=100_000, help="sessions beside DoWhy and EconML")
    add("--most", type=int, default=5_000_000, help="sessions of the largest study")
    add("--repeats", type=int, default=3, help="runs of which the shortest counts")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
