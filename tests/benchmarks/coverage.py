"""Do intervals, bands and tests keep their word? Monte Carlo, part by part, into one kept page.

``make coverage`` runs every part and writes ``tests/benchmarks/COVERAGE.md``; ``make coverage
ONLY=looks`` measures one part again and leaves the other tables as they are.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.benchmarks.running import keep, made_on, markdown, one_thread

RESULTS = Path(__file__).with_name("COVERAGE.md")
HEAD = (
    "# Coverage and size\n\nMade by `make coverage`; every section says when, and stays until "
    "it is measured\nagain. Truths are population values: a closed form, or an independent draw of "
    "10⁷ sessions."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One measurement.

    Attributes
    ----------
    title : str
        Its section of the page.
    module : str
        Where it lives, in this folder.
    replications : int
        How many are asked for.
    section : callable
        From the module and a number of replications to the section's text.
    """

    title: str
    module: str
    replications: int
    section: Callable[[ModuleType, int], str]


def table_section(module: ModuleType, replications: int) -> str:
    """Return what the module says of itself, and the table its ``run(replications)`` measures."""
    with one_thread():
        table = module.run(replications)
    return f"{inspect.getdoc(module)}\n\n{replications:,} replications.\n\n{markdown(table)}"


PARTS = {
    "clustered": Part(
        title="Repeated customers",
        module="clustered",
        replications=4_000,
        section=lambda module, replications: str(module.section(replications)),
    ),
    "looks": Part(
        title="Looking every week",
        module="looks",
        replications=4_000,
        section=table_section,
    ),
    "heterogeneity": Part(
        title="Tests of differing effects",
        module="heterogeneity",
        replications=4_000,
        section=table_section,
    ),
    "bounds": Part(
        title="Bounds on the cost of those who order under either arm",
        module="bounds",
        replications=1_000,
        section=table_section,
    ),
    "small": Part(
        title="Small data",
        module="small_data",
        replications=1_000,
        section=table_section,
    ),
    "bias": Part(
        title="Bias on confounded checkout logs",
        module="checkout_log",
        replications=20,
        section=lambda module, replications: str(module.bias_section(replications)),
    ),
    "checkout": Part(
        title="Coverage on confounded checkout logs",
        module="checkout_log",
        replications=400,
        section=lambda module, replications: str(module.coverage_section(replications)),
    ),
}
"""What ``make coverage`` measures, in the order of the page."""


def loaded(part: Part) -> ModuleType:
    """Return the part's module.

    Raises
    ------
    SystemExit
        If it is missing: a page without a part must not look whole.
    """
    try:
        return importlib.import_module(f"tests.benchmarks.{part.module}")
    except ModuleNotFoundError as error:
        raise SystemExit(f"coverage: {part.title!r} cannot be measured: {error}") from error


def main(words: Sequence[str] | None = None, *, results: Path = RESULTS) -> None:
    """Measure the parts asked for, one after the other, and keep each as soon as it is done."""
    parser = argparse.ArgumentParser(description="Coverage and size by simulation.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART",
                        help=f"parts to measure: {', '.join(PARTS)}")  # fmt: skip
    parser.add_argument("--replications", type=int, help="instead of each part's own number")
    options = parser.parse_args(words)
    modules = {name: loaded(PARTS[name]) for name in options.only}
    for name, module in modules.items():
        part = PARTS[name]
        started = time.perf_counter()
        text = part.section(module, options.replications or part.replications)
        minutes = (time.perf_counter() - started) / 60
        keep(
            results,
            head=HEAD,
            order=[one.title for one in PARTS.values()],
            measured={part.title: f"{text}\n\nMeasured on {made_on()}; {minutes:.1f} minutes."},
        )
        sys.stdout.write(f"{name}: {minutes:.1f} minutes\n{text.splitlines()[0]}\n")


if __name__ == "__main__":
    main()
