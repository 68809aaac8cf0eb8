"""Scenario files with known numbers, random states of the sliders, and a slow evaluation."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import numpy as np

from whatif.base.arrays import Floats

Json = dict[str, Any]
LEVELS = {
    "urbanicity": ["dense_urban", "urban", "suburban", "rural", "remote_rural", "islands"],
    "device": ["desktop", "mobile"],
    "season": ["q1", "q2", "q3", "q4"],
}
ARMS = ("folded", "expanded", "boxed")
OUTCOMES = ("converted", "shipping_cost", "returned")
MEANS = {"converted": 0.33, "shipping_cost": 1.74, "returned": 0.04}


def scenario_text(
    *columns: str,
    arms: int = 2,
    outcomes: int = 2,
    seed: int = 0,
    **changes: object,
) -> str:
    """Return a scenario file: effects near those of the demo study, errors of 200,000 sessions.

    `columns` name the keys of `LEVELS` that the cells are crossed from; `changes` replace keys.
    """
    rng = np.random.default_rng(seed)
    levels = [LEVELS[column] for column in columns]
    cells = [list(map(int, cell)) for cell in np.ndindex(*(len(level) for level in levels))]
    size = len(cells)
    shares = rng.dirichlet(np.full(size, 20.0))
    theta = np.array([MEANS[name] for name in OUTCOMES[:outcomes]]) * rng.uniform(
        0.9, 1.1, size=(size, 1, 1)
    )
    lift = rng.normal(0.05, 0.03, size=(size, arms, outcomes)) * np.arange(arms)[None, :, None]
    theta = theta * (1 + lift)
    thetas = theta.size
    root = rng.normal(size=(thetas, thetas + 5)) / np.sqrt(thetas)
    error = (theta.std() + np.abs(theta)) / np.sqrt(
        200_000 * np.repeat(shares, theta[0].size).reshape(theta.shape)
    )
    sigma = np.zeros((thetas + size, thetas + size))
    sigma[:thetas, :thetas] = (root @ root.T) * np.outer(error.ravel(), error.ravel())
    sigma[thetas:, thetas:] = (np.diag(shares) - np.outer(shares, shares)) / 61_000
    kept = thetas + size - 1
    numbers = np.concatenate(
        [theta.ravel(), shares, sigma[:kept, :kept][np.tril_indices(kept)]]
    ).astype("<f4")
    file: Json = {
        "schema": "scenario.v1",
        "study": "mobile-expanded-options",
        "run_id": "3f9c1b7a" * 8,
        "as_of": "2026-10-31",
        "level": 0.95,
        "target": "ate",
        "looks": "once",
        "withheld": False,
        "arms": list(ARMS[:arms]),
        "outcomes": list(OUTCOMES[:outcomes]),
        "ratios": [["cost_per_order", 1, 0]] if outcomes > 1 else [],
        "columns": [{"name": c, "levels": level} for c, level in zip(columns, levels, strict=True)],
        "cells": cells,
        "n": [int(n) for n in np.round(200_000 * shares)],
        "clusters": [int(n) for n in np.round(61_000 * shares)],
        "df": int(61_000 * shares.min()) - 1,
        "numbers": b64encode(numbers.tobytes()).decode(),
        "declared": 1,
        "value": {
            "currency": "USD",
            "per": [18.0, -1.0, -7.5][:outcomes],
            "arm_cost": [0.0, 0.02, 0.05][:arms],
        },
        "units_per_month": 108_714.3,
        "critical": {"declared": 1.96, "prices": 2.4478, "rollout": 4.113},
        "limits": {
            "per": [[0.0, 90.0], None, None][:outcomes],
            "factor": [0.5, 2.0],
            "units_per_month": [10_871.43, 1_087_143.0],
            "mix": [
                [
                    [round(0.5 * p, 6), round(min(1.0, 2 * p), 6)]
                    for p in _marginal(cells, shares, j)
                ]
                for j in range(len(columns))
            ],
        },
    } | changes
    if file["df"] < 9:
        file["critical"] = {"declared": None, "prices": None, "rollout": None}
    return json.dumps(file, separators=(",", ":"))


def _marginal(cells: list[list[int]], shares: Floats, column: int) -> list[float]:
    return [float(p) for p in np.bincount([cell[column] for cell in cells], weights=shares)]


def random_states(text: str, *, draws: int, seed: int = 0) -> list[Json]:
    """Return states of the sliders: some untouched, some with every slider moved."""
    rng = np.random.default_rng(seed)
    file = json.loads(text)
    cells, arms = len(file["cells"]), len(file["arms"])
    states = []
    for _ in range(draws):
        moved = rng.random(6) < 0.5
        rollout = np.zeros((cells, arms))
        rollout[:, file["declared"]] = 1.0
        if moved[0]:
            rollout = rng.dirichlet(np.ones(arms), size=cells)
            rollout[:, 0] = 1 - rollout[:, 1:].sum(axis=1)
        mix = None
        if moved[1] and file["columns"]:
            column = int(rng.integers(len(file["columns"])))
            levels = len(file["columns"][column]["levels"])
            mix = [column, rng.dirichlet(np.ones(levels)).tolist()]
        value = file["value"]
        per = [0.0] * len(file["outcomes"]) if value is None else value["per"]
        cost = [0.0] * arms if value is None else value["arm_cost"]
        states.append(
            {
                "rollout": rollout.tolist(),
                "mix": mix,
                "per": (np.array(per) * rng.uniform(0.3, 3)).tolist() if moved[2] else per,
                "factor": rng.uniform(0.5, 2, len(per)).tolist() if moved[3] else [1.0] * len(per),
                "arm_cost": rng.uniform(0, 0.2, arms).tolist() if moved[4] else cost,
                "units": float(rng.uniform(1e4, 1e6)) if moved[5] else file["units_per_month"],
            }
        )
    return states
