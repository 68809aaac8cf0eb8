"""Rules that join several keys of a study: roles, arms, chances, guardrails, money, time."""

from __future__ import annotations

import math
import zoneinfo
from collections import Counter
from collections.abc import Iterator

from whatif.base.errors import UsageError, did_you_mean
from whatif.contract.plain_errors import Finding, Path, finding
from whatif.contract.spec import (
    ColumnProbability,
    PhaseProbability,
    RatioSpec,
    StudySpec,
    arm_label,
    metric_name,
)
from whatif.contract.study_rules_checks import check_keys_rules
from whatif.contract.study_rules_learners import learner_rules
from whatif.contract.study_rules_looks import looks_rules
from whatif.contract.study_rules_option import option_rules
from whatif.contract.study_rules_scores import score_rules
from whatif.contract.study_rules_transport import transport_rules
from whatif.contract.where import columns_of, parse_where

DESIGNS = ("experiment", "observational")
_SUM_TOLERANCE = 1e-6
_RESERVED = ("score:", "propensity:", "outcome:", "column:")


def check_rules(spec: StudySpec) -> list[Finding]:
    """Return every rule that `spec` breaks; an empty list when it can be followed.

    Parameters
    ----------
    spec : StudySpec
        A study whose keys and types are already sound.
    """
    own = (_name, _design, _arms, _probability, _metrics, _ratios, _value)
    others = (looks_rules, score_rules, learner_rules, check_keys_rules, transport_rules)
    rules = (*own, _roles, _names, _where, _time, option_rules, *others)
    return [broken for rule in rules for broken in rule(spec)]


def _name(spec: StudySpec) -> Iterator[Finding]:
    if spec.study == "site":
        yield finding(
            ("study",),
            "study may not be called 'site'.",
            "the published pages of all studies live in a folder of that name.",
            "choose another name.",
        )


def _design(spec: StudySpec) -> Iterator[Finding]:
    if spec.design.kind not in DESIGNS:
        yield finding(
            ("design", "kind"),
            f"design.kind {spec.design.kind!r} is not available yet in this version; "
            f"available: {', '.join(DESIGNS)}.",
            "an answer under another design would rest on other assumptions.",
            "choose an available design that fits how units came to their arms.",
        )
    if spec.design.kind == "experiment" and spec.cluster and spec.assigned is None:
        yield finding(
            ("assigned",),
            f"assigned is missing: rows repeat by {spec.cluster!r} and the study does not say "
            "what was randomised.",
            "the sample ratio, folds and errors differ between rows and clusters that were "
            "assigned.",
            f"add `assigned: {spec.unit or 'NAME_OF_UNIT'}` or `assigned: {spec.cluster}`.",
        )


def _arms(spec: StudySpec) -> Iterator[Finding]:
    control = arm_label(spec.treatment.control)
    arms = [arm_label(arm) for arm in spec.treatment.arms or ()]
    if control in arms:
        yield finding(
            ("treatment", "arms"),
            f"treatment.arms lists the control {control!r}.",
            "an arm cannot be compared with itself.",
            "list only the arms that are compared with the control.",
        )
    for arm in _repeated(arms):
        yield finding(
            ("treatment", "arms"),
            f"treatment.arms lists {arm!r} twice.",
            "each arm gets one effect.",
            "list it once.",
        )


def _probability(spec: StudySpec) -> Iterator[Finding]:
    given, at = spec.design.probability, ("design", "probability")
    if isinstance(given, dict):
        yield from _chances(spec, given, at)
    elif isinstance(given, PhaseProbability):
        for phase, chances in given.phases.items():
            yield from _chances(spec, chances, (*at, "phases", phase))


def _chances(spec: StudySpec, chances: dict[str, float], at: Path) -> Iterator[Finding]:
    name = ".".join(str(part) for part in at)
    control = arm_label(spec.treatment.control)
    arms = None if spec.treatment.arms is None else [arm_label(a) for a in spec.treatment.arms]
    expected = {control, *(arms if arms is not None else chances)}
    if set(chances) != expected or set(chances) == {control}:
        wanted = f"{control!r} and each other arm" if arms is None else str([control, *arms])
        yield finding(
            at,
            f"{name} gives chances for {list(chances)}; it needs one for {wanted}.",
            "every row needs the chance of each arm.",
            "name the control and every arm, spelled as in treatment.",
        )
    if any(not 0 < chance < 1 for chance in chances.values()):
        yield finding(
            at,
            f"{name} has a chance outside 0 to 1.",
            "an arm that nobody or everybody gets cannot be compared.",
            "give chances above 0 and below 1; leave a phase without choice out with `where`.",
        )
    total = math.fsum(chances.values())
    if abs(total - 1) > _SUM_TOLERANCE:
        yield finding(
            at,
            f"{name} sums to {total:.6g}, not 1.",
            "scores are weighted by these chances, so every effect would be off.",
            "give chances that sum to 1.",
        )


def _roles(spec: StudySpec) -> Iterator[Finding]:
    uses = _uses(spec)
    alone: dict[Path, str] = {("treatment", "column"): spec.treatment.column}
    alone |= {("outcomes", i, "column"): o.column for i, o in enumerate(spec.outcomes)}
    for at, column in alone.items():
        reported = at[0] if at[0] == "treatment" else "treatment"
        places = [(place[0], role) for place, name, role in uses if name == column]
        others = sorted({role for key, role in places if key not in (at[0], reported)})
        if others:
            role = "treatment" if at[0] == "treatment" else "an outcome"
            yield finding(
                at,
                f"{column!r} is {role} and also used as {' and '.join(others)}.",
                "a column can cause, be caused or be adjusted for, not two of these at once.",
                "keep one role for the column.",
            )
    for at, column, role in uses:
        if column == spec.unit and role in ("a covariate", "a segment"):
            yield finding(
                at,
                f"{column!r} is the unit and also used as {role}.",
                "its values differ in every row, so nothing can be compared within one.",
                "remove it there.",
            )
    yield from _repeats(spec)


def _uses(spec: StudySpec) -> list[tuple[Path, str, str]]:
    """List (place, column, role in words) of every column that the study names."""
    out: list[tuple[Path, str, str]] = [
        (("treatment", "column"), spec.treatment.column, "treatment")
    ]
    out += [(("outcomes", i), o.column, "an outcome") for i, o in enumerate(spec.outcomes)]
    out += [(("covariates", i), c, "a covariate") for i, c in enumerate(spec.covariates or ())]
    out += [(("segments", i), c, "a segment") for i, cut in enumerate(spec.segments) for c in cut]
    ids = {"unit": spec.unit, "cluster": spec.cluster, "assigned": spec.assigned, "time": spec.time}
    ids["weights"] = spec.weights
    out += [((key,), column, f"`{key}`") for key, column in ids.items() if column]
    given = spec.design.probability
    if isinstance(given, ColumnProbability | PhaseProbability):
        out.append((("design", "probability", "column"), given.column, "`probability`"))
    return out


def _names(spec: StudySpec) -> Iterator[Finding]:
    for at, column, _ in _uses(spec):
        if column.startswith(_RESERVED):
            yield finding(
                at,
                f"The column name {column!r} begins with {column.split(':')[0]!r} and a colon.",
                "tables of scores use such names for their own columns.",
                "rename the column in the data and here.",
            )


def _repeats(spec: StudySpec) -> Iterator[Finding]:
    lists: dict[str, list[str]] = {
        "outcomes": [o.column for o in spec.outcomes],
        "covariates": list(spec.covariates or ()),
        "segments": [" by ".join(sorted(cut)) for cut in spec.segments],
    }
    for key, names in lists.items():
        for name in _repeated(names):
            yield finding(
                (key,), f"{key} lists {name!r} twice.", "it would count twice.", "list it once."
            )
    for i, cut in enumerate(spec.segments):
        for name in _repeated(cut):
            yield finding(
                ("segments", i),
                f"segments.{i} crosses {name!r} with itself.",
                "that is the same as the column alone.",
                "name two different columns.",
            )


def _metrics(spec: StudySpec) -> Iterator[Finding]:
    primaries = [metric_name(m) for m in spec.metrics if m.role == "primary"]
    if len(primaries) > 1:
        yield finding(
            ("outcomes",),
            f"{len(primaries)} metrics are primary: {', '.join(primaries)}.",
            "the verdict rests on one; with several it could be picked after looking.",
            "keep `role: primary` on one of them.",
        )
    if not primaries and spec.outcomes[0].role is not None:
        yield finding(
            ("outcomes", 0, "role"),
            f"No metric is primary: the first outcome is declared {spec.outcomes[0].role}.",
            "the verdict needs one metric to rest on.",
            "set `role: primary` on one outcome or ratio.",
        )
    for i, metric in enumerate(spec.metrics):
        kind = "ratios" if isinstance(metric, RatioSpec) else "outcomes"
        place = i - len(spec.outcomes) if kind == "ratios" else i
        if metric.role == "guardrail" and metric.limit is None:
            yield finding(
                (kind, place, "limit"),
                f"{kind}.{place}.limit is missing: {metric_name(metric)!r} is a guardrail.",
                "without a limit nothing says how much harm is too much.",
                "add `limit:`, the largest harm you accept, in the metric's own unit.",
            )
    for i, outcome in enumerate(spec.outcomes):
        if outcome.kind == "category":
            yield finding(
                ("outcomes", i, "kind"),
                f"outcomes.{i}.kind 'category' is not available yet in this version; "
                "available: binary, count, amount, cost.",
                "a category has no mean to compare.",
                "make one 0/1 column per level and declare those.",
            )


def _ratios(spec: StudySpec) -> Iterator[Finding]:
    columns = [o.column for o in spec.outcomes]
    for i, ratio in enumerate(spec.ratios):
        for key in ("numerator", "denominator"):
            column = str(getattr(ratio, key))
            if column not in columns:
                yield finding(
                    ("ratios", i, key),
                    f"ratios.{i}.{key} {column!r} is not an outcome; "
                    f"{did_you_mean(column, columns)}",
                    "a ratio is computed from the scores of its two outcomes.",
                    "name an outcome column, or add the column to outcomes.",
                )
        if ratio.numerator == ratio.denominator:
            yield finding(
                ("ratios", i),
                f"ratios.{i} divides {ratio.numerator!r} by itself.",
                "that is 1 in every arm.",
                "name two different outcomes.",
            )
    for name in _repeated([*columns, *(r.name for r in spec.ratios)]):
        if name in {r.name for r in spec.ratios}:
            yield finding(
                ("ratios",),
                f"The name {name!r} stands for two metrics.",
                "effects are found by name, so one would hide the other.",
                "rename the ratio.",
            )


def _value(spec: StudySpec) -> Iterator[Finding]:
    if spec.value is None:
        return
    outcomes = [o.column for o in spec.outcomes]
    for column in sorted(set(spec.value.per) - set(outcomes)):
        yield finding(
            ("value", "per", column),
            f"value.per.{column} is not an outcome; {did_you_mean(column, outcomes)}",
            "money is summed over outcomes that the study estimates.",
            "name an outcome column.",
        )
    if spec.treatment.arms is None:
        return
    arms = [arm_label(a) for a in (spec.treatment.control, *spec.treatment.arms)]
    for arm in sorted(set(spec.value.arm_cost) - set(arms)):
        yield finding(
            ("value", "arm_cost", arm),
            f"value.arm_cost.{arm} is not an arm; {did_you_mean(arm, arms)}",
            "its cost would never be charged.",
            "name the control or one of the arms.",
        )


def _where(spec: StudySpec) -> Iterator[Finding]:
    if spec.data is None or spec.data.where is None:
        return
    try:
        used = columns_of(parse_where(spec.data.where))
    except UsageError as error:
        yield from (Finding(at=("data", "where"), problem=p) for p in error.problems)
        return
    later = {spec.treatment.column, *(o.column for o in spec.outcomes)}
    for column in sorted(used & later):
        yield finding(
            ("data", "where"),
            f"data.where filters on {column!r}, which is not settled before the treatment.",
            "rows chosen by what the treatment did are no longer comparable.",
            "filter on pre-treatment columns only.",
        )


def _time(spec: StudySpec) -> Iterator[Finding]:
    if spec.window is not None and spec.time is None:
        yield finding(
            ("time",),
            "time is missing: a window needs to know when each row happened.",
            "rows outside the window could not be told from rows inside.",
            "add `time:` with the column that holds the moment of each row.",
        )
    if spec.decision.on is not None and spec.time is None:
        yield finding(
            ("time",),
            f"time is missing: the decision is on {spec.decision.on}.",
            "without the day of the data nobody can tell whether that day has come.",
            "add `time:` with the column that holds the moment of each row, so that the day of the "
            "data is known.",
        )
    if spec.schedule is None:
        return
    zone = spec.schedule.timezone
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(zone, sorted(zoneinfo.available_timezones()))
        yield finding(
            ("schedule", "timezone"),
            f"schedule.timezone {zone!r} is not a time zone"
            + (f"; {near}" if near.startswith("did") else "."),
            "the day a row belongs to depends on it.",
            "use a name such as Europe/London or UTC.",
        )


def _repeated(names: list[str] | tuple[str, ...]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
