"""How long a stored run takes to answer: a scenario, and a cut that was never made before."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from whatif.effects.table import effect_rows
from whatif.run.answers import ask, open_run


def milliseconds(run: str, *, out: Path, repeats: int = 5) -> dict[str, float]:
    """Open a run of the benchmark's study and time both questions, the shortest of `repeats`.

    Opening is not counted: a page or notebook opens a run once and asks many times.
    """
    opened = open_run(run, out=out)
    cut = opened.spec.model_copy(update={"segments": (("member",),)})
    give = opened.scores.arms[1]
    return {
        "scenario": _shortest(
            lambda: ask(opened.scores, opened.spec, give=give, where="mobile == 1"), repeats
        ),
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
