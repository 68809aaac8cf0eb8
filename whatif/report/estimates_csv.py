"""``estimates.csv``: every estimate of a run in one table, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from whatif.report.format import TIMES
from whatif.report.html import UNSEEN

Json = Mapping[str, Any]
Flat = dict[str, Any]

SEGMENT = "segment:"
"""What the name of a column that holds levels of a segment starts with."""

FIRST = ("study", "run_id", "decision", "level", "table", "outcome", "arm", "versus")
"""Columns before those of the segments."""

# fmt: off
COLUMNS = (
    "n", "clusters", "baseline", "estimate", "std_error", "ci_low", "ci_high", "band_low",
    "band_high", "sequential_low", "sequential_high", "relative", "relative_low", "relative_high",
    "shrunk", "reading", "planned", "status", "reading_status", "shown", "estimator", "target",
    "family", "critical", "df", "p_value", "interval_kind", "interval_low", "interval_high",
    "among", "bound_low", "bound_high", "std_error_low", "std_error_high", "share",
    "trimmed_control", "trimmed_arm", "settled", "unsettled", "left_out",
    "population", "outside", "extrapolates", "described",
    "repetitions", "mean", "median", "sd", "monte_carlo_error",
    "part", "option", "share_control", "share_arm", "cost_control", "cost_arm",
    "dimension", "statistic", "df_numerator",
    "assigned", "units", "half_width", "smallest", "asked", "chance", "times", "units_needed",
    "days_needed",
    "sigma2", "nu2", "scale", "scale_error", "scale_covariance", "rv", "rva", "e_value",
    "e_value_limit", "e_value_from", "covariate", "cf_y", "cf_d", "rho", "change", "strength",
    "check", "name",
    "currency", "units_per_month", "worth", "break_even_outcome", "break_even_value",
    "break_even_kind", "break_even_low", "break_even_high", "break_even_pays_above",
)
"""Columns after those of the segments; a key that is not among them follows, by name."""
# fmt: on

_LISTS = ("effects", "bounds", "rest", "populations", "repetitions", "heterogeneity", "power")
# Lists that do not fit in a row; the parts of the money have rows of their own.
_LONG = {"chances", "parts"}
_PAIRS = {
    "bounds": ("bound_low", "bound_high"),
    "df": ("df_numerator", "df"),
    "trimmed": ("trimmed_control", "trimmed_arm"),
    "share": ("share_control", "share_arm"),
    "cost": ("cost_control", "cost_arm"),
}
# What a spreadsheet may take for the beginning of a formula, also in full width.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")


def estimates_csv(answer: Json) -> str:
    """Return every estimate of a run as comma-separated values (RFC 4180), one estimate a row.

    The column ``table`` says what a row is: ``effects``, ``bounds``, ``rest`` (a segment against
    the rest), ``populations``, ``repetitions``, ``heterogeneity`` (tests whether segments differ),
    ``power``, ``sensitivity``, ``benchmarks``, ``decomposition``, ``options``, ``details`` (what
    checks rest on), ``money`` or ``money_parts``. A column that a table does not have is empty
    there, as is a number that does not exist or has no bound. A segment's levels stand in the
    columns ``segment:…``; all of these empty is everyone. Numbers are in the raw unit and keep
    every digit. Two things of ``answer.json`` are not here: the numbers of cells too small to show
    (`shown` says so), and the chance of every single reading.

    Text is made inert for spreadsheets: invisible and reordering marks are dropped, and a ``'``
    is put before text that starts with ``=``, ``+``, ``-``, ``@``, a tab or a line break.

    Parameters
    ----------
    answer : mapping
        What ``answer.json`` holds, of this version or an older one.

    Examples
    --------
    >>> told = {"outcome": "sales", "segment": {"city": "=1"}, "estimate": 0.1, "ci": [None, 2]}
    >>> made = estimates_csv({"study": "s", "effects": [told]}).splitlines()
    >>> made[0][:70]
    'study,run_id,decision,level,table,outcome,arm,versus,segment:city,n,cl'
    >>> made[1][:43]
    "s,,,,effects,sales,,,'=1,,,,0.1,,,2,,,,,,,,"
    """
    about = {
        "study": answer.get("study"),
        "run_id": answer.get("run_id"),
        "decision": answer.get("verdict", {}).get("decision"),
        "level": answer.get("level"),
    }
    rows = [about | row for row in _rows(answer)]
    used = list(dict.fromkeys(name for row in rows for name in row))
    segments = [name for name in used if name.startswith(SEGMENT)]
    known = [*FIRST, *segments, *COLUMNS]
    header = [*known, *sorted(set(used) - set(known))]
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(_cell(name) for name in header)
    lines.writerows([_cell(row.get(name)) for name in header] for row in rows)
    return text.getvalue()


def _rows(answer: Json) -> Iterator[Flat]:
    small = _too_small(answer.get("effects", []))
    unsplit = _too_small((answer.get("decomposition") or {}).get("rows", []))
    for table, found in _tables(answer):
        for row in found:
            hidden = not _shown(row) or _place(row) in (unsplit if table == "options" else small)
            yield {"table": table} | dict(_flat(row, hidden=hidden))


def _tables(answer: Json) -> Iterator[tuple[str, list[Json]]]:
    for name in _LISTS:
        yield name, answer.get(name) or []
    hidden_causes = answer.get("sensitivity") or {}
    yield "sensitivity", hidden_causes.get("effects", [])
    yield "benchmarks", hidden_causes.get("benchmarks", [])
    split = answer.get("decomposition") or {}
    yield "decomposition", split.get("rows", [])
    yield "options", [{"outcome": split["cost"], **row} for row in split.get("options", [])]
    checks = answer.get("checks", [])
    yield "details", [{"check": one["name"], **row} for one in checks for row in one["details"]]
    money = answer.get("money") or {}
    same = {key: money.get(key) for key in ("arm", "versus", "currency", "status")}
    yield "money", [money] if money else []
    yield "money_parts", [same | part for part in money.get("parts", [])]


def _too_small(rows: list[Json]) -> set[object]:
    return {_place(row) for row in rows if not _shown(row)}


def _shown(row: Json) -> bool:
    return bool(row.get("shown", "shown") == "shown")


def _place(row: Json) -> object:
    segment = row.get("segment")
    levels = frozenset(segment.items()) if isinstance(segment, dict) else None
    return (row.get("outcome"), row.get("arm"), levels)


def _flat(row: Json, *, hidden: bool, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the cells of a row; a hidden one has no numbers."""
    for key, value in row.items():
        name = f"{prefix}_{key}" if prefix else key
        if value is None or key in _LONG:
            continue
        if key == "segment":
            yield from _segment(value)
        elif isinstance(value, Mapping):
            yield from _flat(value, hidden=hidden, prefix=name)
        elif isinstance(value, list):
            stem = prefix if prefix and key in {"ci", "ends"} else name
            names = _PAIRS.get(key, (f"{stem}_low", f"{stem}_high"))
            yield from zip(names, [None if hidden else end for end in value], strict=False)
        else:
            short = prefix if prefix and key == "estimate" else name
            number = isinstance(value, int | float) and not isinstance(value, bool)
            yield short, None if hidden and number else value


def _segment(value: Json | list[str]) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from ((f"{SEGMENT}{column}", level) for column, level in value.items())
    else:
        yield "dimension", TIMES.join(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    text = UNSEEN.sub("", value)
    return f"'{text}" if _FORMULA.match(text) else text
