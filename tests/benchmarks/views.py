"""How long a stored run takes to answer: scenarios, and a cut that was never made before."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whatif.effects.table import effect_rows
from whatif.run.answers import open_run
from whatif.run.what_if import Question, ask


def milliseconds(run: str, *, out: Path, repeats: int = 5) -> dict[str, float]:
    """Open a run of the benchmark's study and time questions, the shortest of `repeats`.

    Opening is not counted: a page or notebook opens a run once and asks many times. The first
    scenario lays the scores out by cluster for all that follow.
    """
    opened = open_run(run, out=out)
    cut = opened.spec.model_copy(update={"segments": (("member",),)})

    def asked(**question: Any) -> Callable[[], object]:
        return lambda: ask(opened.scores, opened.spec, Question(**question), days=30)

    group, mix = asked(where="mobile == 1"), asked(mix={"mobile": {0: 0.2, 1: 0.8}})
    return {
        "first scenario": _shortest(group, 1),
        "scenario": _shortest(group, repeats),
        "scenario at another mix": _shortest(mix, repeats),
        "cut": _shortest(lambda: effect_rows(opened.scores, cut), repeats),
    }


def _shortest(question: Callable[[], object], repeats: int) -> float:
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        question()
        took.append(time.perf_counter() - started)
    return 1_000 * min(took)


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    sys.stdout.write(json.dumps(milliseconds(name, out=Path(folder))) + "\n")
