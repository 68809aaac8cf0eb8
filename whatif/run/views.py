"""Comparisons asked of stored scores: names become terms here, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whatif.contract.spec import StudySpec
from whatif.effects.compare import ContrastRow, Question, compare
from whatif.effects.contrasts import Metric, Term
from whatif.effects.rows import Segment
from whatif.run.named import Names, Where, declared, named, pairs_of, require_finite, unfit
from whatif.scores.record import Scores

Key = tuple[str, str] | tuple[str, str, Segment]
Written = Mapping[Key, float]


def contrast(
    scores: Scores,
    spec: StudySpec,
    what: str | Written,
    *,
    arm: str | None,
    versus: str | None,
    by: str | Sequence[str] | None,
    segment: Where | None,
    minus: Where | None,
    per: str | Written | None,
) -> tuple[ContrastRow, ...]:
    """Answer one comparison, or one per arm and segment.

    Raises
    ------
    UsageError
        If a name is not known, or the parts of the question do not fit together.
    """
    if not isinstance(what, str):
        _require_alone(arm=arm, versus=versus, by=by, segment=segment, minus=minus)
        if isinstance(per, str):
            raise unfit("per", "a sum that is written out is divided by one that is written out")
        return _written(scores, spec, what, per or {})
    if per is not None and not isinstance(per, str):
        raise unfit("per", "a comparison by name is divided by another outcome's, by name")
    first, second = tuple(sorted((segment or {}).items())), tuple(sorted((minus or {}).items()))
    if by is not None and (segment is not None or minus is not None):
        raise unfit("by", "`by` asks for every segment, `segment` and `minus` for one")
    if second and not first:
        raise unfit("minus", "`minus` takes one segment off another, which `segment` names")
    cuts = [declared(spec, [name for name, _ in part]) for part in (first, second) if part]
    dimension = None if by is None else declared(spec, [by] if isinstance(by, str) else by)
    names = Names.of(scores, spec, cuts if dimension is None else [dimension])
    arms = pairs_of(names, arm, versus)
    segments = (
        [first]
        if dimension is None
        else [names.means.cells.segments[cell] for cell in names.means.cells.of_dimension(0)]
    )
    return tuple(
        row
        for pair in arms
        for row in compare(
            names.means,
            [
                _question(names, what, per, pair=pair, segment=place, minus=second)
                for place in segments
            ],
            level=spec.level,
            seed=spec.seed,
        )
    )


def _question(
    names: Names,
    what: str,
    per: str | None,
    *,
    pair: tuple[int, int],
    segment: Segment,
    minus: Segment,
) -> Question:
    parts = [(names.cell(segment), 1.0), *([(names.cell(minus), -1.0)] if minus else [])]

    def terms(metric: Metric) -> tuple[Term, ...]:
        return tuple(
            Term(coefficient=side * sign, metric=metric, cell=cell, arm=which)
            for cell, side in parts
            for which, sign in ((pair[0], 1.0), (pair[1], -1.0))
        )

    top = names.metric(what)
    bottom = None if per is None else names.metric(per)
    if bottom is not None and (top.denominator, bottom.denominator) != (None, None):
        raise unfit("per", "a ratio is not divided again: name two outcomes")
    return Question(
        outcome=what if per is None else f"{what} per {per}",
        arm=names.means.arms[pair[0]],
        versus=names.means.arms[pair[1]],
        segment=names.means.cells.segments[parts[0][0]],
        minus=names.means.cells.segments[parts[-1][0]] if minus else (),
        terms=terms(top),
        per=() if bottom is None else terms(bottom),
    )


def _written(
    scores: Scores, spec: StudySpec, what: Written, per: Written
) -> tuple[ContrastRow, ...]:
    for coefficient in (*what.values(), *per.values()):
        require_finite("a coefficient", coefficient)
    places = [key[2] if len(key) == 3 else () for key in (*what, *per)]  # noqa: PLR2004
    cuts = [declared(spec, [name for name, _ in place]) for place in places if place]
    names = Names.of(scores, spec, cuts)
    if not what:
        raise unfit("what", "an empty sum compares nothing")
    question = Question(
        outcome=_label(what) if not per else f"({_label(what)}) per ({_label(per)})",
        arm="",
        versus="",
        segment=(),
        minus=(),
        terms=_terms(names, what),
        per=_terms(names, per),
    )
    if any(term.metric.denominator is not None for term in question.per) or (
        question.per and any(term.metric.denominator is not None for term in question.terms)
    ):
        raise unfit("per", "a ratio is not divided again: name outcomes")
    return compare(names.means, [question], level=spec.level, seed=spec.seed)


def _terms(names: Names, written: Written) -> tuple[Term, ...]:
    return tuple(
        Term(
            coefficient=float(coefficient),
            metric=names.metric(key[0]),
            cell=names.cell(key[2] if len(key) == 3 else ()),  # noqa: PLR2004
            arm=names.arm(key[1]),
        )
        for key, coefficient in written.items()
    )


def _label(written: Written) -> str:
    parts = []
    for key, coefficient in written.items():
        where = f", {named(key[2])}" if len(key) == 3 and key[2] else ""  # noqa: PLR2004
        parts.append(f"{coefficient:+g} {key[0]} [{key[1]}{where}]")
    return " ".join(parts)


def _require_alone(**others: object) -> None:
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise unfit(given[0], "a sum that is written out names its arms and segments itself")
