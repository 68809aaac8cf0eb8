"""Sentences about effects carried to another population: what must stay equal, what was refused."""

from __future__ import annotations

from whatif.base.errors import Notice, Problem
from whatif.scores.record import Transported
from whatif.scores.transport import FEWEST, FEWEST_IN_TARGET

_MOST_NAMED = 6


def must_stay_equal(one: Transported) -> str:
    """Return what the answer in another population rests on.

    No data can test it: nobody there got both an arm and a measured outcome.
    """
    return (
        f"Holds if units with the same {_named(one.covariates)} respond alike in the study and in "
        f"{one.name}: the two may differ in these columns, and in nothing else that changes the "
        "effect. No data here can test that."
    )


def rests_on(one: Transported) -> str:
    """Return how many clusters of the study speak for the population, and whom nobody speaks for.

    Only for a population that was not refused.
    """
    counted = "counted by their sampling weights" if one.weighted else "each counted once"
    said = (
        f"{one.n:,} rows ({one.clusters:,} clusters), {counted}; weighted to look like them, the "
        f"study's units count as {one.effective or 0:,.0f} clusters."
    )
    parts = _outside_parts(one)
    return f"{said} {_outside(one, parts)} They stay in." if parts else said


def refusal(one: Transported) -> Problem:
    """Say why nothing was carried to a population that was refused."""
    if one.refused == "small_target":
        return Problem(
            what=f"Effects were not carried to {one.name}: its table has {one.clusters:,} "
            f"clusters, fewer than {FEWEST_IN_TARGET} or all in one fold.",
            why="so few do not say what the population looks like.",
            fix="give a table with more rows of that population.",
        )
    if one.refused == "few_clusters":
        return Problem(
            what=f"Effects were not carried to {one.name}: weighted to look like it, the study's "
            f"units count as {one.effective or 0:,.0f} clusters, fewer than {FEWEST}.",
            why="the answer would rest on a handful of the study's units, and its error would be a "
            "guess.",
            fix="run the study on units more like that population, wait for more data, or carry "
            "the effects to a part of it with `where`.",
        )
    return Problem(
        what=f"Effects were not carried to {one.name}: {100 * one.outside:.1f} % of it is like "
        f"nobody in the study. {_outside(one, _outside_parts(one))}",
        why="for them the answer would be extrapolation, not measurement.",
        fix="leave those rows out with `where` under `transport`, which then names another "
        "population, or merge levels in both tables.",
    )


def transport_notices(carried: tuple[Transported, ...]) -> tuple[Notice, ...]:
    """Return a named warning for each population that was refused, or is partly like nobody."""
    return tuple(
        Notice(code="transport_refused", problem=refusal(one))
        if one.refused is not None
        else Notice(code="transport_outside", problem=_partly(one))
        for one in carried
        if one.refused is not None or _outside_parts(one)
    )


def _partly(one: Transported) -> Problem:
    return Problem(
        what=f"In {one.name}, {_lower(_outside(one, _outside_parts(one)))}",
        why="they stay in with what the models make of them, which nobody like them supports.",
        fix="leave them out with `where` under `transport` if they do not belong.",
    )


def _outside_parts(one: Transported) -> list[str]:
    parts = [
        f"{count:,} with a value of {name} never seen in the study" for name, count in one.levels
    ]
    if one.rare:
        parts.append(f"{one.rare:,} of a kind far rarer in the study")
    if one.closed:
        parts.append(f"{one.closed:,} of a kind that hardly ever got some arm")
    return parts


def _outside(one: Transported, parts: list[str]) -> str:
    return f"Of its {one.n:,} rows, some have nobody like them in the study: {', '.join(parts)}."


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _named(columns: tuple[str, ...]) -> str:
    if len(columns) > _MOST_NAMED:
        return f"{', '.join(columns[:_MOST_NAMED])} and {len(columns) - _MOST_NAMED} more columns"
    if len(columns) == 1:
        return columns[0]
    return f"{', '.join(columns[:-1])} and {columns[-1]}"
