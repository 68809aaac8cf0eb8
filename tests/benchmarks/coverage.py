"""Do intervals, bands and tests keep their word? Monte Carlo, part by part, into one kept page.

``make coverage`` runs every part and writes ``tests/benchmarks/COVERAGE.md``; ``make coverage
ONLY=looks`` measures one part again and leaves the other tables as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.parts import Part, measure, table_section

RESULTS = Path(__file__).with_name("COVERAGE.md")
HEAD = (
    "# Coverage and size\n\nMade by `make coverage`; every section says when, and stays until "
    "it is measured\nagain. Truths are population values: a closed form, or an independent draw of "
    "10⁷ sessions."
)

PARTS = {
    "clustered": Part(
        title="Repeated customers",
        module="clustered",
        replications=4_000,
        section=lambda module, replications: str(module.section(replications)),
    ),
    "scenarios": Part(
        title="What-ifs",
        module="scenarios",
        replications=4_000,
        section=lambda module, replications: str(module.section(replications)),
    ),
    "policies": Part(
        title="Policies",
        module="policies",
        replications=400,
        section=table_section,
    ),
    "attribution": Part(
        title="Why a number moved",
        module="attribution",
        replications=4_000,
        section=table_section,
    ),
    "changes": Part(
        title="Why an estimate moved between two runs",
        module="changes",
        replications=450,
        section=table_section,
    ),
    "transport": Part(
        title="Effects in another population",
        module="transport",
        replications=1_000,
        section=table_section,
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


def main(words: Sequence[str] | None = None, *, results: Path = RESULTS) -> None:
    """Measure the parts asked for."""
    measure(PARTS, words, results=results, head=HEAD)


if __name__ == "__main__":
    main()
