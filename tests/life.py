"""A scheduled life: ten Mondays of one study, played against an injected clock (``make life``).

The data grow by a week each Monday. In week 4 the log loses sessions of one arm, which week 5
restores; in week 6 the feed does not come; in week 8 somebody changes who is counted; in week 9 a
person signs. After each week the player checks what the site says and keeps a copy of it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from whatif.run.analysis import RunOptions
from whatif.run.job import Done, Target, cache_folder, run_study
from whatif.run.publishing import Word, sign_run
from whatif.run.standing import status
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.files import write_log

STUDY = "mobile-expanded-options"
WEEKS, BROKEN, REPAIRED, LATE, CHANGED, SIGNED = 10, 4, 5, 6, 8, 9
START = pd.Timestamp("2026-09-06T00:00:00Z")
_LOST = 0.4  # share of one arm's sessions that the broken week loses


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What one Monday left behind.

    Attributes
    ----------
    number : int
        1 to 10.
    decision, headline : str
        Of the run that was made.
    shown : str or None
        Run id that readers see.
    state : str
        What ``whatif status`` says right after it.
    eve : str
        What it said on the evening before the run.
    """

    number: int
    decision: str
    headline: str
    shown: str | None
    state: str
    eve: str


def play(out: Path, *, sessions: int, quick: bool, say: Callable[[str], None]) -> list[Week]:
    """Play ten weeks under `out` and return what each left behind.

    Parameters
    ----------
    out : Path
        Folder of studies; what stands there of this study is replaced.
    sessions : int
        Sessions of the last week's data.
    quick : bool
        Leave out checks that train models again.
    say : callable
        Hears one line a week.
    """
    shutil.rmtree(out, ignore_errors=True)
    log = _stretched(simulate_checkout(sessions, seed=11, mode="randomised"))
    folder = out / STUDY
    (folder / "data").mkdir(parents=True)
    weeks = []
    for number in range(1, WEEKS + 1):
        week = _monday(number, log, out, quick=quick)
        shutil.copytree(out / "site", out / "weeks" / f"{number:02}")
        weeks.append(week)
        say(f"week {number:2}: {week.eve} → {week.state}: {week.headline}")
    return weeks


def _monday(number: int, log: pd.DataFrame, out: Path, *, quick: bool) -> Week:
    folder = out / STUDY
    monday = START.to_pydatetime() + dt.timedelta(days=7 * number + 1, hours=7)
    eve = _state(out, monday - dt.timedelta(hours=12)) if number > 1 else "no run yet"
    if number != LATE:
        write_log(_delivered(log, number), folder / "data" / "checkout.parquet")
    (folder / "study.yaml").write_text(yaml.safe_dump(_study(number)), encoding="utf-8")
    done = _run(folder, out, monday, quick=quick)
    if number == SIGNED:
        _sign(out, monday + dt.timedelta(hours=3))
    answer = json.loads(done.answer)
    card = json.loads((out / "site" / STUDY / "card.json").read_bytes())
    return Week(
        number=number,
        decision=answer["verdict"]["decision"],
        headline=answer["verdict"]["headline"],
        shown=None if card["shown"] is None else card["shown"]["line"]["run_id"],
        state=_state(out, monday + dt.timedelta(hours=4)),
        eve=eve,
    )


def _run(folder: Path, out: Path, at: dt.datetime, *, quick: bool) -> Done:
    return run_study(
        folder / "study.yaml",
        options=RunOptions(quick=quick, cache=cache_folder(out)),
        target=Target(out=out, publish=True, site=out / "site"),
        clock=lambda: at,
    )


def _sign(out: Path, at: dt.datetime) -> None:
    said = Word(
        decision="approve",
        by="Dana Ortiz, checkout",
        note="Read with finance on Monday. The later filter is kept on purpose.",
    )
    sign_run(STUDY, said, out=out, site=out / "site", clock=lambda: at)


def _state(out: Path, at: dt.datetime) -> str:
    told, _ = status([STUDY], out=out, notify=False, site=out / "site", clock=lambda: at)
    return str(told.found.record["studies"][STUDY]["state"])


def _stretched(log: pd.DataFrame) -> pd.DataFrame:
    """Spread the simulator's 56 days over ten weeks."""
    passed = (log["started_at"] - START) * (7 * WEEKS / 56)
    moved = START + passed.dt.floor("us")
    return log.assign(started_at=moved, hour=moved.dt.hour.astype("int8")).sort_values(
        "started_at", kind="stable", ignore_index=True
    )


def _delivered(log: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return the feed of a Monday: every full week so far."""
    day = (log["started_at"] - START).dt.days
    sent = log[day < 7 * number]
    if number == BROKEN:
        last = (day[sent.index] >= 7 * (number - 1)) & (sent["presentation"] == "expanded")
        lost = sent[last].sample(frac=_LOST, random_state=1).index
        sent = sent.drop(index=lost)
    return sent.reset_index(drop=True)


def _study(number: int) -> dict[str, object]:
    counted = "not is_bot" if number < CHANGED else "not is_bot and cart_value >= 20"
    return {
        "study": STUDY,
        "question": "Does showing every delivery option at checkout raise conversion, and what "
        "does it do to shipping cost?",
        "data": {
            "source": "data/checkout.parquet",
            "contract": "checkout_sessions.v1",
            "where": counted,
        },
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "session_id",
        "time": "started_at",
        "treatment": {"column": "presentation", "control": "folded", "arms": ["expanded"]},
        "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        "outcomes": [
            {
                "column": "converted",
                "role": "primary",
                "kind": "binary",
                "matters_from": 0.002,
                "per": "session",
            },
            {
                "column": "shipping_cost",
                "kind": "cost",
                "better": "lower",
                "unit": "USD",
                "per": "session",
            },
        ],
        "ratios": [
            {
                "name": "cost_per_order",
                "numerator": "shipping_cost",
                "denominator": "converted",
                "role": "guardrail",
                "better": "lower",
                "limit": 0.25,
                "unit": "USD",
                "per": "order",
            }
        ],
        "covariates": ["tenure_days", "cart_value", "distance_km", "is_member", "hour"],
        "segments": ["device", "urbanicity"],
        "value": {"currency": "USD", "per": {"converted": 18.0, "shipping_cost": -1.0}},
        "decision": {"looks": "anytime"},
        "freshness": "8d",
        "schedule": {"cron": "0 7 * * 1", "timezone": "UTC", "due_within_hours": 12},
    }


def faults(weeks: list[Week]) -> Iterator[str]:
    """Yield what did not go as a product manager should see it."""
    by = {week.number: week for week in weeks}
    for number, week in by.items():
        state = {BROKEN: "withheld", LATE: "stale"}.get(number, "good")
        if week.state != state:
            yield f"week {number}: the study is {week.state}, not {state}"
    if by[BROKEN].decision != "cannot_be_trusted":
        yield f"week {BROKEN}: the verdict is not withheld"
    if by[LATE].decision != "out_of_date":
        yield f"week {LATE}: the verdict is {by[LATE].decision}, not out_of_date"
    if "changed after looking" not in by[CHANGED].headline:
        yield f"week {CHANGED}: nobody is told that the plan was changed"


def main() -> int:
    """Play, say what happened, and fail where a week went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/life"))
    parser.add_argument("--sessions", type=int, default=120_000)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    weeks = play(asked.out, sessions=asked.sessions, quick=asked.quick, say=_say)
    wrong = list(faults(weeks))
    for line in wrong:
        _say(f"WRONG {line}")
    _say(f"Site: {asked.out / 'site' / 'index.html'}; one copy a week in {asked.out / 'weeks'}")
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
