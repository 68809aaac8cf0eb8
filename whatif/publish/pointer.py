"""Which run readers are shown as the latest, and which one waits for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatif.base.history import SignOff


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished run and the day its data reach; `seen`: readers were shown it before."""

    run_id: str
    day: dt.date
    seen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """A person's word that readers shall see `run_id`; it stands until a newer run follows.

    Attributes
    ----------
    run_id : str
        The run.
    after : int
        How many runs had been made by then.
    """

    run_id: str
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Run ids; None where there is none."""

    shown: str | None
    awaiting: str | None


def point(
    made: Sequence[Made],
    signed: Mapping[str, SignOff],
    *,
    required: bool,
    rewind: Rewind | None = None,
) -> Pointer:
    """Return the run that readers are shown, and a newer one that nobody has judged.

    Shown is the run whose data reach the latest day, the newest of them, among those that may be
    shown: approved ones where a review is required, else those that nobody holds or rejects; a run
    that readers saw before reviews were asked for stays. A run of an earlier day never replaces one
    of a later day by itself; :class:`Rewind` is for that.

    Parameters
    ----------
    made : sequence of Made
        In the order they were made, the newest last; a run made again stands at its last place.
    signed : mapping of run id to SignOff
        The last word on each run.
    required : bool
        Whether a run needs approval before readers see it.
    rewind : Rewind, optional
        The last one.

    Examples
    --------
    >>> monday, tuesday = dt.date(2026, 11, 2), dt.date(2026, 11, 3)
    >>> runs = [Made(run_id="b", day=tuesday), Made(run_id="a", day=monday)]
    >>> point(runs, {}, required=False)
    Pointer(shown='b', awaiting=None)
    >>> point(runs, {}, required=True)
    Pointer(shown=None, awaiting='a')
    """
    start = 0 if rewind is None else rewind.after
    rows = [
        (run.day, place, run.run_id)
        for place, run in enumerate(made)
        if place >= start and _may_be_shown(run, signed.get(run.run_id), required=required)
    ]
    newest = max(rows, default=None)
    shown = newest[2] if newest else None if rewind is None else rewind.run_id
    order = [run.run_id for run in made]
    later = order if shown is None or shown not in order else order[order.index(shown) + 1 :]
    seen = {run.run_id for run in made if run.seen}
    waiting = [one for one in later if required and one not in signed and one not in seen]
    return Pointer(shown=shown, awaiting=waiting[-1] if waiting else None)


def _may_be_shown(run: Made, said: SignOff | None, *, required: bool) -> bool:
    if said is None:
        return run.seen or not required
    return said.decision == "approve"
