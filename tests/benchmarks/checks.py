"""How often does a check cry wolf, and does it see the fault it is for? Into one kept page.

``make checks`` runs every part and writes ``tests/benchmarks/CHECKS.md``; ``make checks
ONLY=periods`` measures one part again and leaves the other tables as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.parts import Part, measure, table_section

RESULTS = Path(__file__).with_name("CHECKS.md")
HEAD = """# False alarms and power of the checks

Made by `make checks`; every section says when, and stays until it is measured again. A row is one
check on one kind of study. Where nothing is planted the rate is that of false alarms, beside the
nominal level it may not exceed; where a fault is planted it is the power to see that fault."""

PARTS = {
    name: Part(title=title, module=f"checks_{name}", replications=draws, section=table_section)
    for name, title, draws in (
        ("assignment", "Assignment", 1_000),
        ("periods", "Effects over time", 1_000),
        ("rows", "Rows that should not count, and honest models", 1_000),
        ("choices", "Overlap and other choices", 200),
        ("hidden", "Hidden confounding", 400),
        ("graph", "Graph and negative controls", 200),
        ("refits", "Checks that train models again", 200),
        ("power", "Planned power", 800),
    )
}
"""What ``make checks`` measures, in the order of the page."""


def main(words: Sequence[str] | None = None, *, results: Path = RESULTS) -> None:
    """Measure the parts asked for."""
    measure(PARTS, words, results=results, head=HEAD)


if __name__ == "__main__":
    main()
