"""Stored runs of a few made-up scores, for tests of why an estimate moved between two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import builders
from whatif.base.hashing import of_json
from whatif.base.history import Change
from whatif.base.secrets import redacted
from whatif.contract.spec import StudySpec
from whatif.contract.stored import from_json, to_json
from whatif.effects.cells import cut
from whatif.effects.contrasts import contrast
from whatif.effects.joint import joint
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores
from whatif.scores.store import to_parquet

DAY = pd.Timestamp("2026-09-01")
VERSIONS = {"numpy": "2.1.0", "whatif": "0.5.0"}


def scores_in_time(n: int = 4_000, *, seed: int = 0, customers: int = 600) -> Scores:
    """Sessions in time, by customers who come back, under three arms."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    region, device = rng.choice(list("abc"), n), rng.choice(["desktop", "mobile"], n)
    own = rng.normal(size=(customers, 3, 2))[cluster]
    gamma = np.array([3.0, 9.0]) + 0.2 * np.arange(3)[:, None] + 0.5 * own
    gamma = gamma + rng.normal(size=(n, 3, 2))
    moments = DAY + pd.to_timedelta(10 * np.arange(n), unit="min")
    columns = pd.DataFrame({"at": moments, "region": region, "device": device})
    made = builders.scores(gamma[:, :2], cluster, columns)
    return replace(
        made,
        arms=("folded", "expanded", "tabs"),
        gamma=gamma,
        propensity=np.full((n, 3), 1 / 3),
        arm=rng.integers(0, 3, n),
        unit=pd.Series([f"s{i:05d}" for i in range(n)], name="session_id"),
    )


def first(scores: Scores, n: int) -> Scores:
    return rows_of(scores, np.arange(n))


def rows_of(scores: Scores, rows: Any) -> Scores:
    names = ("gamma", "mass", "propensity", "arm", "y", "fold", "weight")
    arrays = {name: getattr(scores, name)[rows] for name in names}
    return replace(
        scores,
        **arrays,
        cluster=pd.factorize(scores.cluster[rows])[0].astype(np.int64),
        unit=scores.unit.iloc[rows].reset_index(drop=True),
        columns=scores.columns.iloc[rows].reset_index(drop=True),
    )


def spec_of(**changes: object) -> StudySpec:
    keys: dict[str, object] = {
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "session_id",
        "time": "at",
        "data": {"source": "postgresql://ann:hush@db.example/shop#log", "where": "not is_bot"},
    }
    return builders.spec(**(keys | changes))


def store(
    folder: Path,
    scores: Scores,
    spec: StudySpec,
    *,
    data: str = "1",
    code: str = "c",
    versions: Mapping[str, str] = VERSIONS,
    decision: str = "discuss",
    arm: str = "expanded",
    source: str = "",
    checks: Mapping[str, str] | None = None,
) -> Path:
    """Write what a run folder holds of a run with these scores."""
    folder.mkdir(parents=True)
    held = {"sample_ratio": "held"} if checks is None else checks
    answer: dict[str, Any] = {
        "run_id": folder.name,
        "as_of": None,
        "verdict": {"decision": decision, "arm": arm, "headline": f"{decision}."},
        "effects": _effects(scores, spec),
        "checks": [{"name": name, "status": status} for name, status in held.items()],
        "estimand": {"edges": [], "adjustment": []},
    }
    file = spec.model_dump(mode="json")
    manifest = {
        "study_file": file,
        "score_key": of_json(
            [data, code, file["data"], file["folds"], file["target"], len(scores.unit)]
        ),
        "code": code,
        "versions": dict(versions),
        "as_of": None,
        "data": {"fingerprint": data, "source": source or redacted(file["data"]["source"])},
    }
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "scores.parquet").write_bytes(to_parquet(scores, period=None))
    return folder


def _effects(scores: Scores, spec: StudySpec) -> list[dict[str, Any]]:
    """Return the overall effects of a run, as far as they are read."""
    means = joint(scores, cut(scores.columns, ()))
    rows = []
    for metric in metrics_of(spec):
        for a, arm in enumerate(means.arms[1:], start=1):
            made = contrast(means, metric, cell=0, arm=a)
            error = means.error(made.gradient)
            rows.append(
                {
                    "outcome": metric.name,
                    "arm": arm,
                    "versus": means.arms[0],
                    "segment": {},
                    "estimator": "aipw",
                    "estimate": made.difference,
                    "baseline": made.baseline,
                    "std_error": error,
                    "ci": [made.difference - 2 * error, made.difference + 2 * error],
                    "sequential": None,
                }
            )
    return rows


def rescored(scores: Scores, by: float = 0.05) -> Scores:
    noise = np.random.default_rng(9).normal(size=scores.gamma.shape)
    return replace(scores, gamma=scores.gamma + by * noise)


def kinds(change: Change) -> list[str]:
    return [part.kind for part in change.parts]


def sound(change: Change) -> Change:
    """Return a change after what holds for every one with parts."""
    assert change.total is not None
    assert change.estimate_before is not None
    assert change.estimate_now is not None
    assert change.total == change.estimate_now - change.estimate_before
    assert sum(part.estimate for part in change.parts) == pytest.approx(change.total, abs=1e-12)
    assert from_json(Change, to_json(change), shown="a change") == change
    return change
