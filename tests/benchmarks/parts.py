"""Long measurements as parts of one kept page: each measured alone, each kept when it is done."""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.benchmarks.running import keep, made_on, markdown, one_thread


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


def loaded(part: Part, *, page: str) -> ModuleType:
    """Return the part's module.

    Raises
    ------
    SystemExit
        If it is missing: a page without a part must not look whole.
    """
    try:
        return importlib.import_module(f"tests.benchmarks.{part.module}")
    except ModuleNotFoundError as error:
        raise SystemExit(f"{page}: {part.title!r} cannot be measured: {error}") from error


def measure(
    parts: Mapping[str, Part], words: Sequence[str] | None, *, results: Path, head: str
) -> None:
    """Measure the parts asked for, one after the other, and keep each as soon as it is done.

    Parameters
    ----------
    parts : mapping of str to Part
        In the order of the page.
    words : sequence of str, optional
        Arguments; those of the command line by default.
    results : Path
        The page.
    head : str
        What the page says above its first section.
    """
    page = results.stem.lower()
    parser = argparse.ArgumentParser(description=f"Measure parts of {results.name} by simulation.")
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts), metavar="PART",
                        help=f"parts to measure: {', '.join(parts)}")  # fmt: skip
    parser.add_argument("--replications", type=int, help="instead of each part's own number")
    options = parser.parse_args(words)
    modules = {name: loaded(parts[name], page=page) for name in options.only}
    for name, module in modules.items():
        part = parts[name]
        started = time.perf_counter()
        text = part.section(module, options.replications or part.replications)
        minutes = (time.perf_counter() - started) / 60
        keep(
            results,
            head=head,
            order=[one.title for one in parts.values()],
            measured={part.title: f"{text}\n\nMeasured on {made_on()}; {minutes:.1f} minutes."},
        )
        sys.stdout.write(f"{name}: {minutes:.1f} minutes\n{text.splitlines()[0]}\n")
