"""The first seal of a trail that was begun without a key, set at a person's word."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from whatif.base.errors import Problem, UsageError
from whatif.publish.audit.entry import KEY, Entry
from whatif.publish.audit.trail import writing


def start_sealing(out: Path, study: str, *, by: str, now: dt.datetime, key: bytes | None) -> Entry:
    """Seal what stands in a trail, at the word of a person who has looked at it.

    From then on every entry bears a seal, and what came before hangs on this one.

    Parameters
    ----------
    out, study
        Where the trail stands.
    by : str
        Who vouches for the entries so far.
    now : datetime
        With a zone.
    key : bytes or None
        Seals the entry.

    Returns
    -------
    Entry
        Who, how many entries there were, and the hash of the last of them.

    Raises
    ------
    UsageError
        If there is no key, nobody is named, or the trail is empty or sealed already.
    PublishError
        If the trail is damaged or cannot be written.
    """
    who = by.strip()
    if key is None:
        raise _refused(
            f"{KEY} is not set.",
            why="a seal is made with it.",
            fix="make one with `openssl rand -hex 32`, keep it where neither runs nor pages are "
            "kept, and set it for every command.",
        )
    if not who:
        raise _refused(
            "Nobody is named who vouches for the entries so far.",
            why="no key held them in place: a person must say that they are the true ones.",
            fix="say who: --by 'Ada Lovelace'.",
        )
    with writing(out, study, key=key, sealing=True) as trail:
        if not trail.entries:
            raise _refused(
                f"There is no audit trail of {study!r} under {out}.",
                why="there is nothing to seal; a new trail is sealed from its first entry on.",
                fix="check the name of the study, or run it.",
            )
        if trail.entries[-1].seal:
            raise _refused(
                f"The audit trail of {study!r} is sealed already.",
                why="every entry from its first seal on bears one.",
                fix="nothing is left to do.",
            )
        last = trail.entries[-1]
        return trail.add("seal", {"by": who, "entries": last.n, "head": last.hash}, now=now)


def _refused(what: str, *, why: str, fix: str) -> UsageError:
    return UsageError(Problem(what=what, why=why, fix=fix))
