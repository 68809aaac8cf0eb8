"""Another mix of the population: which levels it names, and whether the data can speak of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.scenarios.ledger import Ledger
from whatif.scenarios.moments import Remix

LEAST_EFFECTIVE_CLUSTERS = 100
_MOST_LEVELS = 50
_ROUNDING = 1e-6
"""Shares may miss 1 by this much: three thirds written with seven digits add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of the levels of one column, or of a cross of several.

    Attributes
    ----------
    dimension : tuple of str
        The columns.
    shares : tuple of (level, share)
        A level of a cross is a tuple; a level that is not named has share 0.
    """

    dimension: tuple[str, ...]
    shares: tuple[tuple[object, float], ...]

    @property
    def described(self) -> tuple[tuple[str, str, float], ...]:
        """Every share with its column and level in words."""
        column = " × ".join(self.dimension)
        return tuple((column, _word(level), share) for level, share in self.shares)


def mix_of(asked: Mapping[object, Mapping[object, float]]) -> Mix:
    """Read ``{"device": {"mobile": .7, "desktop": .3}}``; a cross has tuples for names.

    Raises
    ------
    UsageError
        If several dimensions are mixed, or shares are negative or do not add up to 1.
    """
    if len(asked) != 1:
        raise _refused(
            "A mix speaks of one dimension.",
            "shares of two columns do not say how the columns go together.",
            'mix their cross, e.g. {("urbanicity", "device"): {("rural", "mobile"): 0.4, …}}.',
        )
    ((name, shares),) = asked.items()
    dimension = (name,) if isinstance(name, str) else tuple(map(str, name))  # type: ignore[call-overload]
    made = Mix(dimension=dimension, shares=tuple((level, float(m)) for level, m in shares.items()))
    for level, share in made.shares:
        if not (math.isfinite(share) and share >= 0):
            raise _refused(
                f"The share {share} of {_word(level)} is not one.",
                "a share lies between 0 and 1.",
                "write each level's part of the whole.",
            )
    total = math.fsum(share for _, share in made.shares)
    if abs(total - 1) > _ROUNDING:
        raise _refused(
            f"The shares of {' × '.join(dimension)} add up to {total:.6g}, not to 1.",
            "the mix of a population is all of it.",
            "name every level of the mix with its share, e.g. 0.8 for 80 %.",
        )
    return made


def remixed(
    book: Ledger, mix: Mix, arms: tuple[str, ...], *, arm: int, chosen: Bools
) -> tuple[Remix, Bools]:
    """Lay a mix over the rows, and return who of the chosen has a share in it.

    Raises
    ------
    UsageError
        If a column was not kept or has too many levels, a level never occurs in the data, an arm
        never occurs in a level or among its chosen, or none of the chosen has a share.
    """
    _require_columns(book, mix.dimension)
    levels = book.levels(mix.dimension)
    shares = np.zeros(len(levels.names))
    column = " × ".join(mix.dimension)
    for level, share in mix.shares:
        if _word(level) not in levels.names:
            raise _refused(
                f"{_word(level)} never occurs in {column}.",
                "what an arm does to people that were never seen would be a guess.",
                did_you_mean(_word(level), list(levels.names)),
            )
        shares[levels.names.index(_word(level))] = share
    asked = chosen & (shares > 0)[levels.code]
    if not asked.any():
        raise _refused(
            "Nobody who would get the arm has a share in this mix.",
            "a change of exactly nothing would look like an answer.",
            "ask about units whose levels the mix names.",
        )
    inside = np.bincount(levels.code.take(np.flatnonzero(asked)), minlength=shares.size) > 0
    for a in sorted({0, arm}):
        got = levels.code.take(np.flatnonzero(asked & book.received[a]))
        lacks = inside & (np.bincount(got, minlength=shares.size) == 0)
        unseen = (shares > 0) & ((levels.received[a] == 0) | lacks)
        if unseen.any():
            absent = ", ".join(levels.names[g] for g in np.flatnonzero(unseen))
            raise _refused(
                f"Nobody asked about in {absent} got {arms[a]}.",
                "what the arm does there was never seen.",
                "leave these levels out of the mix, or merge them with others in the data.",
            )
    return Remix(levels=levels, shares=shares / shares.sum()), asked


def _require_columns(book: Ledger, dimension: tuple[str, ...]) -> None:
    unknown = [name for name in dimension if name not in book.columns]
    if unknown:
        raise _refused(
            f"There is no column {unknown[0]!r} to mix.",
            "a run keeps the pre-treatment columns that its study names.",
            did_you_mean(unknown[0], [str(name) for name in book.columns]),
        )
    many = [name for name in dimension if book.distinct(name) > _MOST_LEVELS]
    if many:
        raise _refused(
            f"{many[0]!r} has {book.distinct(many[0]):,} levels.",
            f"a mix gives the share of every level; more than {_MOST_LEVELS} cannot be read.",
            "mix a column with few levels, or cut this one into bins in the data.",
        )


def require_effective(clusters: float) -> None:
    """Refuse a mix so far from the data that hardly anyone speaks for it (ruling 26).

    Raises
    ------
    UsageError
        Below 100 effective clusters.
    """
    if clusters < LEAST_EFFECTIVE_CLUSTERS:
        raise _refused(
            f"This mix rests on the equivalent of {clusters:.0f} clusters.",
            f"below {LEAST_EFFECTIVE_CLUSTERS} neither its estimate nor its range can be trusted.",
            "ask about a mix closer to the data, or collect more data of the rare levels.",
        )


def _word(level: object) -> str:
    return " × ".join(map(str, level)) if isinstance(level, tuple) else str(level)


def _refused(what: str, why: str, fix: str) -> UsageError:
    return UsageError(Problem(what=what, why=why, fix=fix))
