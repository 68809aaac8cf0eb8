"""The page of checks, made from the sentences that each check carries.

``python -m whatif.checks.page`` writes ``whatif/CHECKS.md`` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whatif.checks.catalogue import CHECKS
from whatif.checks.evidence import Check
from whatif.checks.result import Cost

PAGE = Path(__file__).parent.parent / "CHECKS.md"
_HEAD = """# Checks

Every run looks at itself before it says anything. A check *held*, *broke*, was *not applicable* or
*did not run*; the last is never counted as held. An **integrity** check that breaks withholds the
verdict. Every other check that breaks is a reason for doubt beside it. Checks marked *refit* train
models again, on a subsample that their finding states, and are left out by `whatif run --quick`.

How often each one alarms on a sound study, and how often it sees the fault it is for:
[tests/benchmarks/CHECKS.md](../tests/benchmarks/CHECKS.md). On data shaped like your own:
`whatif calibrate STUDY`.
"""


def checks_page(checks: Sequence[Check] = CHECKS) -> str:
    """Return the page as Markdown, checks in the order in which they run.

    Examples
    --------
    >>> checks_page().splitlines()[0]
    '# Checks'
    """
    return "\n".join([_HEAD, *(_section(check) for check in checks)])


def _section(check: Check) -> str:
    kind = "integrity" if check.integrity else "doubt"
    cost = "refit" if check.cost is Cost.REFIT else "view"
    title = check.name.replace("_", " ").capitalize()
    return (
        f"## {title}\n\n`{check.code}` · `{check.name}` · {kind} · {cost}\n\n"
        f"- **Looks at:** {check.what}\n- **Why it matters:** {check.why}\n"
        f"- **Cannot see:** {check.blind}\n- **When it breaks:** {check.fix}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(checks_page(), encoding="utf-8")
