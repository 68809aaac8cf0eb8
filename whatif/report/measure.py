"""How one metric is counted on the page: its scale, currency, nouns and direction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from whatif.base.history import MetricLine
from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec, metric_name
from whatif.effects.rows import EffectRow, Ends
from whatif.report.document import Report
from whatif.report.format import (
    DASH,
    MINUS,
    NBSP,
    coin_places,
    decimals,
    end_decimals,
    human,
    number,
    plural,
    signed,
    singular_unit,
    title,
)
from whatif.verdict.page_wording import (
    MARKS,
    Amount,
    Sentence,
    change_words,
    effect_sentence,
    relative_words,
)

_PER_THOUSAND = 1000
_CURRENCY_LETTERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric as a reader counts it.

    Attributes
    ----------
    name, label : str
        As declared, and as printed.
    role : str
        ``"primary"``, ``"guardrail"`` or ``"secondary"``.
    better : str
        ``"higher"`` or ``"lower"``.
    factor : float
        Printed numbers are raw numbers times this (1,000 for a share).
    prefix : str
        ``"USD "`` for money, else empty.
    one, many : str
        What is counted, e.g. ``"order"`` and ``"orders"``; empty when unknown.
    per : str
        ``"per 1,000 sessions"``, ``"per order"``.
    more, fewer : str
        Comparatives that fit the noun.
    matters_from, limit : float or None
        As declared, in the raw unit.
    read_with : str
        Ratio that this metric is the top of: it moves with the bottom too; empty if none.
    mark : str
        Stands beside its numbers; empty where they were planned.
    """

    name: str
    label: str
    role: str
    better: str
    factor: float
    prefix: str
    one: str
    many: str
    per: str
    more: str
    fewer: str
    matters_from: float | None
    limit: float | None
    read_with: str = ""
    mark: str = ""

    @property
    def marks(self) -> tuple[float, ...]:
        """Where a reading turns: zero, what matters on both sides, the limit; as printed."""
        turns = (
            [self.harm()]
            if self.matters_from is None
            else [self.matters_from, -self.matters_from, self.harm()]
        )
        return (0.0, *(self.factor * turn for turn in turns if turn is not None))

    @property
    def lower(self) -> str:
        """The label inside a sentence."""
        return self.label[:1].lower() + self.label[1:]

    def rounded(self, places: int) -> int:
        """Return the decimals to print: money never shows exactly one."""
        return coin_places(places) if self.prefix else places

    def harm(self) -> float | None:
        """Return the limit as a signed difference, on the harmful side, in the raw unit."""
        if self.limit is None:
            return None
        return -self.limit if self.better == "higher" else self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One effect in words and numbers, ready to be placed.

    Attributes
    ----------
    sentence : Sentence
        ``about 12 more orders per 1,000 sessions (likely range 9 to 15; 331 → 343)``.
    change : str
        ``12 more orders``; `per` says of what.
    spread : str
        ``9 to 15``.
    relative : str
        ``+3.6 %``; empty where the control mean is too close to zero.
    before, after : str
        Control and arm means.
    signed, signed_spread : str
        ``+12`` and ``+9 to +15``, for tables.
    """

    sentence: Sentence
    change: str
    spread: str
    relative: str
    before: str
    after: str
    signed: str
    signed_spread: str


def measures(report: Report) -> dict[str, Measure]:
    """Return the measure of every metric by name: primary, guardrails, then the others."""
    says = report.statuses
    return {
        name: replace(measure, mark=MARKS[says.number(name)])
        for name, measure in measures_of(report.spec, dict(report.kinds)).items()
    }


def measures_of(spec: StudySpec, kinds: dict[str, str]) -> dict[str, Measure]:
    """Return the measures of a study; `kinds` are those of its outcomes where it names none."""
    primary = metric_name(spec.primary)
    ranked = sorted(spec.metrics, key=lambda m: _rank(m, primary))
    return {metric_name(m): _measure(m, spec, kinds, primary) for m in ranked}


def _rank(metric: OutcomeSpec | RatioSpec, primary: str) -> int:
    if metric_name(metric) == primary:
        return 0
    return 1 if metric.role == "guardrail" else 2


def _measure(
    metric: OutcomeSpec | RatioSpec, spec: StudySpec, kinds: dict[str, str], primary: str
) -> Measure:
    name = metric_name(metric)
    kind = "ratio"
    if isinstance(metric, OutcomeSpec):
        kind = kinds.get(name) or metric.kind or "amount"
    money = metric.unit is not None and _is_currency(metric.unit)
    noun = _noun(metric, spec) if kind in {"binary", "count"} else ""
    if not noun and metric.unit is not None and not money:
        noun = metric.unit
    base = _per(metric, spec)
    share = kind == "binary"
    return Measure(
        name=name,
        label=title(name),
        role="primary" if name == primary else (metric.role or "secondary"),
        better=metric.better,
        factor=float(_PER_THOUSAND) if share else 1.0,
        prefix=f"{metric.unit}{NBSP}" if money else "",
        one=noun,
        many=plural(noun) if noun else "",
        per=f"per 1,000 {plural(base)}" if share else f"per {base}",
        more="more",
        fewer="fewer" if share or kind == "count" else "less",
        matters_from=metric.matters_from,
        limit=metric.limit,
        read_with=next((r.name for r in spec.ratios if r.numerator == name), ""),
    )


def _is_currency(unit: str) -> bool:
    return len(unit) == _CURRENCY_LETTERS and unit.isalpha() and unit.isupper()


def _noun(metric: OutcomeSpec | RatioSpec, spec: StudySpec) -> str:
    """Return what a yes counts as: the unit, else what a ratio over this column is "per"."""
    if metric.unit is not None:
        return metric.unit
    per = [r.per for r in spec.ratios if r.denominator == metric_name(metric) and r.per]
    return human(per[0]) if per else ""


def _per(metric: OutcomeSpec | RatioSpec, spec: StudySpec) -> str:
    if metric.per:
        return human(metric.per)
    if isinstance(metric, RatioSpec):
        return human(metric.denominator)
    return singular_unit(spec.unit)


def metric_line(measure: Measure) -> MetricLine:
    """Return how a metric is printed, as a history keeps it."""
    return MetricLine(
        label=measure.label,
        better="lower" if measure.better == "lower" else "higher",
        factor=measure.factor,
        prefix=measure.prefix,
        noun=measure.many,
        per=measure.per,
        matters_from=measure.matters_from,
    )


def phrase(measure: Measure, row: EffectRow, *, least: int = 0) -> Phrase | None:
    """Return `row` in words, or None where it carries no numbers.

    Parameters
    ----------
    measure : Measure
        How the metric is counted.
    row : EffectRow
        The effect; the printed range is the one its reading comes from.
    least : int
        Fewest decimals, so that the rows of a table agree.
    """
    if row.shown != "shown" or row.estimate is None:
        return None
    low, high = _printed(measure, row.read_from)
    places = measure.rounded(decimals(low, high, least=least))
    amount = _amount(measure, row.estimate, (low, high), places)
    before = after = DASH
    if row.baseline is not None:
        before = measure.prefix + number(row.baseline * measure.factor, places)
        after = number((row.baseline + row.estimate) * measure.factor, places)
    relative = _relative(row)
    return Phrase(
        sentence=effect_sentence(
            amount, before=before, after=after, relative=relative_words(relative)
        ),
        change=change_words(amount),
        spread=amount.spread,
        relative=relative,
        before=before,
        after=after,
        signed=signed(row.estimate * measure.factor, places),
        signed_spread=_signed_spread(measure, (low, high), places),
    )


def places_of(measure: Measure, rows: Iterable[EffectRow]) -> int:
    """Return the decimals that a column of ranges deserves: those of its narrowest one."""
    ends = [_printed(measure, row.read_from) for row in rows if row.shown == "shown"]
    places = max((decimals(low, high) for low, high in ends), default=0)
    return measure.rounded(places)


def _signed_spread(measure: Measure, ends: Ends, places: int) -> str:
    low, high = (
        None if end is None else signed(end, end_decimals(end, places, marks=measure.marks))
        for end in ends
    )
    return f"{low or MINUS + '∞'} to {high or '+∞'}"


def between_words(measure: Measure, bounds: Ends, ci: Ends) -> tuple[str, str]:
    """Return bounds and the range around them, as ``USD 0.02 to 0.11 more`` without a point."""
    shown, around = _printed(measure, bounds), _printed(measure, ci)
    places = measure.rounded(decimals(*around))
    inner, outer = (_amount(measure, 0.0, ends, places) for ends in (shown, around))
    return measure.prefix + inner.between, outer.between


def _printed(measure: Measure, ends: Ends) -> Ends:
    """Return a range in the printed unit."""
    low, high = ends
    return (
        None if low is None else low * measure.factor,
        None if high is None else high * measure.factor,
    )


def _amount(measure: Measure, estimate: float, ends: Ends, places: int) -> Amount:
    shown = round(estimate * measure.factor, places)
    digits = [
        places if end is None else end_decimals(end, places, marks=measure.marks) for end in ends
    ]
    rounded = [None if e is None else round(e, d) for e, d in zip(ends, digits, strict=True)]
    size = number(abs(shown), places)
    return Amount(
        size=measure.prefix + size,
        direction=(shown > 0) - (shown < 0),
        ends=tuple(
            None if e is None else number(abs(e), d) for e, d in zip(rounded, digits, strict=True)
        ),
        signs=tuple(0 if end is None else (end > 0) - (end < 0) for end in rounded),
        noun=measure.one if size == "1" else measure.many,
        per=measure.per,
        more=measure.more,
        fewer=measure.fewer,
    )


def _relative(row: EffectRow) -> str:
    if row.relative is None:
        return ""
    low, high = (None if end is None else 100 * end for end in row.relative.ci)
    places = min(decimals(low, high), 2)
    return f"{signed(100 * row.relative.estimate, places)}{NBSP}%"
