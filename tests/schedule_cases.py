"""Jobs with awkward names, a stand-in for ``whatif``, and cron expressions, for schedule tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from whatif.contract.spec import ScheduleSpec
from whatif.report.schedulers.job import Job

AWKWARD = "/srv/my $HOME 50% ${{ x }} $(id) `id` \"q\" 'ü' \\n/study.yaml"

_STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" > "$(dirname "$0")/words-$1"
echo "$WHATIF_STORE" > "$(dirname "$0")/store"
echo "$1" >> "$(dirname "$0")/calls"
[ "$1" = run ] || exit 8
codes="$(dirname "$0")/codes"
read -r code < "$codes"
[ "$(wc -l < "$codes")" -eq 1 ] || { tail -n +2 "$codes" > "$codes.n"; mv "$codes.n" "$codes"; }
exit "$code"
"""


def schedule(cron: str = "0 7 * * 1", zone: str = "Europe/London") -> ScheduleSpec:
    return ScheduleSpec(cron=cron, timezone=zone)


def job(**changes: Any) -> Job:
    keys: dict[str, Any] = {
        "study": "checkout",
        "file": "/srv/study.yaml",
        "out": "/srv/reports",
        "executable": "/srv/bin/whatif",
        "schedule": schedule(),
        "image": "registry.example/whatif:1",
        **changes,
    }
    return Job(**keys)


class StandIn:
    """A command that ends with given codes and remembers the words it was called with."""

    def __init__(self, folder: Path, codes: Sequence[int]) -> None:
        self.path = folder / "whatif"
        self.path.write_text(_STAND_IN, encoding="utf-8")
        self.path.chmod(0o755)
        (folder / "calls").unlink(missing_ok=True)
        (folder / "codes").write_text("".join(f"{code}\n" for code in codes), encoding="utf-8")

    @property
    def store(self) -> str:
        """What the environment named as the store."""
        return (self.path.parent / "store").read_text(encoding="utf-8").rstrip("\n")

    @property
    def calls(self) -> list[str]:
        return (self.path.parent / "calls").read_text(encoding="utf-8").split()

    def words(self, command: str) -> tuple[str, ...]:
        text = (self.path.parent / f"words-{command}").read_text(encoding="utf-8")
        return tuple(text.splitlines())


def tool(name: str) -> str:
    """Return a program's path, or skip by name."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def call(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **options
    )


def _field(low: int, high: int, extra: Sequence[str] = ()) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.one_of(st.just("*"), span, number.map(str)), st.integers(1, 9)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    term = st.one_of(number.map(str), span, stepped, *map(st.just, extra))
    return st.one_of(
        st.just("*"),
        term,
        st.lists(term, min_size=2, max_size=3).map(",".join),
    )


CRONS = st.tuples(
    _field(0, 59),
    _field(0, 23),
    _field(1, 31, ("L", "LW")),
    _field(1, 12, ("jan", "FEB", "dec")),
    _field(0, 7, ("mon", "SUN", "5L", "0L", "7L", "2#1", "3#5", "0#2", "mon-fri")),
).map(" ".join)
