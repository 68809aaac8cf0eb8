"""A run for the terminal: the verdict and the three numbers a reader asks for first."""

from __future__ import annotations

from whatif.report.document import Report
from whatif.report.format import title
from whatif.report.measure import Measure, measures, phrase
from whatif.report.view_metrics import lead_row, overall, who
from whatif.verdict.page_wording import NUMBERS_WITHHELD, checks_count, metric_lead, role_words
from whatif.verdict.wording import reading_words

_NUMBERS = 3


def render_text(report: Report) -> str:
    """Return the verdict and three numbers: the primary metric and the next two.

    A withheld verdict shows no number. The caller adds where the page is.
    """
    verdict = report.verdict
    lines = [verdict.headline]
    if report.withheld:
        lines.append(f"  {NUMBERS_WITHHELD}")
        lines.extend(f"  {reason}" for reason in verdict.reasons)
    else:
        lines.extend(_numbers(report))
    lines.append(f"  {title(checks_count(report.checks))}.")
    return "\n".join(lines).replace("\u00a0", " ") + "\n"


def headline_number(report: Report) -> str:
    """Return the primary metric in one line with its range; empty where it is withheld."""
    if report.withheld:
        return ""
    primary = next(iter(measures(report).values()))
    row = lead_row(report, primary)
    words = None if row is None else phrase(primary, row)
    lead = metric_lead(primary.label, comparison="", everywhere=True, who=who(report))
    return "" if words is None else f"{lead}: {words.sentence}"


def _numbers(report: Report) -> list[str]:
    by_name = measures(report)
    arm = report.verdict.arm
    read = {row.outcome: (row, reading) for row, reading in overall(report, arm)}
    speaks_of = who(report)
    lines = [] if speaks_of == "everyone" else [f"  Averages over {speaks_of}:"]
    for name, measure in list(by_name.items())[:_NUMBERS]:
        if name in read:
            row, reading = read[name]
            words = phrase(measure, row)
            says = "" if words is None else f" {words.sentence};"
            lines.append(f"  {_name(measure)}:{says} {reading_words(reading)}")
    return lines


def _name(measure: Measure) -> str:
    return f"{measure.label} ({role_words(measure.role)})"
