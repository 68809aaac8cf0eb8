"""``scenario.json``: the scenario file as text that Python and a page read alike."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import astuple
from typing import Any, get_args

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.errors import DataError, Problem
from whatif.effects.contrasts import Metric
from whatif.scenarios.sheet.record import Critical, Looked, Sheet, Worth
from whatif.scores.record import Target

SCHEMA = "scenario.v1"
_ODDS = 4.0  # how far a slider moves the odds of a level
_TIMES = 3.0  # how far it moves a worth, or the units a month
_OFF = 1e-4  # shares in single precision add up to 1 within this


def encode(sheet: Sheet) -> str:
    """Return a sheet as compact ``scenario.v1``; equal sheets give equal text.

    Means, shares and the lower triangle of their covariance (its last share left out: shares add up
    to 1) are little-endian float32 in base64; a page and Python start from these same numbers.

    Raises
    ------
    OverflowError
        If a number is too large for single precision, or not a number.
    """
    kept = sheet.theta.size + sheet.share.size - 1
    triangle = sheet.covariance[:kept, :kept][np.tril_indices(kept)]
    numbers = np.concatenate([sheet.theta.ravel(), sheet.share, triangle])
    if not (np.abs(numbers) < np.finfo(np.float32).max).all():
        raise OverflowError("a number does not fit single precision.")
    single = numbers.astype("<f4")
    share = single[sheet.theta.size : sheet.theta.size + sheet.share.size].astype(np.float64)
    worth = sheet.worth
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "study": sheet.study,
        "run_id": sheet.run_id,
        "as_of": sheet.as_of,
        "level": sheet.level,
        "target": sheet.target,
        "looks": sheet.looks,
        "withheld": sheet.withheld,
        "arms": sheet.arms,
        "outcomes": sheet.outcomes,
        "ratios": [[one.name, one.numerator, one.denominator] for one in sheet.ratios],
        "columns": [{"name": name, "levels": levels} for name, levels in sheet.columns],
        "cells": sheet.cells.tolist(),
        "n": sheet.n,
        "clusters": sheet.clusters,
        "df": sheet.df,
        "numbers": base64.b64encode(single.tobytes()).decode("ascii"),
        "declared": sheet.declared,
        "value": None
        if worth is None
        else {"currency": worth.currency, "per": worth.per, "arm_cost": worth.arm_cost},
        "units_per_month": sheet.units,
        "critical": {
            "declared": sheet.critical.declared,
            "prices": sheet.critical.prices,
            "rollout": sheet.critical.rollout,
        },
        "limits": _limits(sheet, share),
    }
    return json.dumps(record, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def _limits(sheet: Sheet, share: Floats) -> dict[str, Any]:
    """Return how far each slider goes; a reader in Python may go further."""
    per = [0.0] * len(sheet.outcomes) if sheet.worth is None else sheet.worth.per
    return {
        "per": [sorted((0.0, _TIMES * worth)) if worth else None for worth in per],
        "factor": [0.5, 2.0],
        "units_per_month": None
        if sheet.units is None
        else [sheet.units / 10, _TIMES * sheet.units],
        "mix": [
            [_mix(float(share[sheet.cells[:, j] == d].sum())) for d in range(len(levels))]
            for j, (_, levels) in enumerate(sheet.columns)
        ],
    }


def _mix(share: float) -> list[float]:
    share = min(share, 1.0)
    low = share / (share + _ODDS * (1.0 - share))
    return [round(low, 4), round(_ODDS * share / (_ODDS * share + 1.0 - share), 4)]


def decode(text: str) -> Sheet:
    """Return the sheet in a text; what does not fit together is refused, nothing is evaluated.

    Raises
    ------
    DataError
        If the text is not a ``scenario.v1``, was made by a newer version, or is damaged.
    """
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise _damaged(f"it is not JSON ({error})") from None
    schema = stored.get("schema") if isinstance(stored, dict) else None
    if schema != SCHEMA:
        raise _other_schema(schema)
    try:
        return _sheet(stored)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise _damaged(str(error) or type(error).__name__) from None


def _sheet(stored: dict[str, Any]) -> Sheet:
    arms, outcomes = tuple(stored["arms"]), tuple(stored["outcomes"])
    columns = tuple((one["name"], tuple(one["levels"])) for one in stored["columns"])
    cells = np.array(stored["cells"], dtype=np.int64).reshape(len(stored["cells"]), len(columns))
    theta, share, covariance = _numbers(stored["numbers"], (len(cells), len(arms), len(outcomes)))
    value = stored["value"]
    made = Sheet(
        **{
            key: stored[key]
            for key in ("study", "run_id", "as_of", "level", "target", "looks", "withheld")
        },
        arms=arms,
        outcomes=outcomes,
        ratios=tuple(
            Metric(name=name, numerator=top, denominator=bottom)
            for name, top, bottom in stored["ratios"]
        ),
        columns=columns,
        cells=cells,
        n=tuple(stored["n"]),
        clusters=tuple(stored["clusters"]),
        df=stored["df"],
        theta=theta,
        share=share,
        covariance=covariance,
        declared=stored["declared"],
        worth=None
        if value is None
        else Worth(
            currency=value["currency"],
            per=tuple(value["per"]),
            arm_cost=tuple(value["arm_cost"]),
        ),
        units=stored["units_per_month"],
        critical=Critical(**stored["critical"]),
    )
    _require_whole(made)
    return made


def _numbers(text: str, shape: tuple[int, int, int]) -> tuple[Floats, Floats, Floats]:
    """Return means, shares and their whole covariance."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`numbers` is not base64 ({error})") from None
    size, width = shape[0], shape[0] * shape[1] * shape[2]
    kept = width + size - 1
    wanted = 4 * (width + size + kept * (kept + 1) // 2)
    if len(raw) != wanted:
        raise ValueError(f"`numbers` holds {len(raw)} bytes instead of {wanted}")
    values = np.frombuffer(raw, dtype="<f4").astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("`numbers` holds numbers that are missing or infinite")
    whole = np.zeros((kept + 1, kept + 1))
    whole[np.tril_indices(kept)] = values[width + size :]
    whole = whole + np.tril(whole, -1).T
    whole[-1, :-1] = -whole[width:-1, :-1].sum(axis=0)
    whole[:-1, -1] = whole[-1, :-1]
    whole[-1, -1] = -whole[width:-1, -1].sum()
    return values[:width].reshape(shape), values[width : width + size], whole


def _require_whole(sheet: Sheet) -> None:
    """Refuse a sheet whose parts do not fit each other."""
    size, arms, outcomes = sheet.theta.shape
    within = zip(sheet.cells.T, (len(levels) for _, levels in sheet.columns), strict=True)
    worth = sheet.worth
    amounts = () if worth is None else (*worth.per, *worth.arm_cost)
    critical = astuple(sheet.critical)
    names = (name for name, _ in sheet.columns)
    labels = (sheet.study, sheet.run_id, *sheet.arms, *sheet.outcomes, *names)
    facts = {
        "labels that are text": all(isinstance(label, str) for label in labels),
        "a known target": sheet.target in get_args(Target) and sheet.looks in get_args(Looked),
        "a plain yes or no to `withheld`": isinstance(sheet.withheld, bool),
        "two arms at least, all different": arms == len(set(sheet.arms)) > 1,
        "one outcome at least, all different": outcomes == len(set(sheet.outcomes)) > 0,
        "a cell at least, all different": size == len({tuple(c) for c in sheet.cells.tolist()}) > 0,
        "cells with known levels": all(((c >= 0) & (c < most)).all() for c, most in within),
        "counts for every cell": len(sheet.n) == len(sheet.clusters) == size,
        "positive shares that add up to 1": bool((sheet.share > 0).all())
        and abs(float(sheet.share.sum()) - 1.0) <= _OFF,
        "variances of at least 0": bool((np.diag(sheet.covariance)[:-1] >= 0).all()),
        "a declared arm": isinstance(sheet.declared, int) and 0 <= sheet.declared < arms,
        "ratios of known outcomes": all(
            isinstance(place, int) and 0 <= place < outcomes
            for one in sheet.ratios
            for place in (one.numerator, one.denominator)
        ),
        "a worth of every outcome and a cost of every arm": worth is None
        or (len(worth.per), len(worth.arm_cost)) == (outcomes, arms),
        "finite amounts": all(np.isfinite(amount) for amount in amounts),
        "a positive number of units": sheet.units is None or 0 < sheet.units < np.inf,
        "positive critical values": all(c is None or 0 < c < np.inf for c in critical),
        "a level between 0 and 1": 0 < sheet.level < 1,
        "a count of degrees of freedom": isinstance(sheet.df, int) and sheet.df >= 0,
    }
    for fact, holds in facts.items():
        if not holds:
            raise ValueError(f"it should have {fact}")


def _other_schema(schema: object) -> DataError:
    if isinstance(schema, str) and schema.startswith("scenario.v"):
        return DataError(
            Problem(
                what=f"This scenario file is a {schema[:40]}, made by a newer version.",
                why=f"this version reads {SCHEMA}, and would misread what it does not know.",
                fix="update whatif.",
            )
        )
    return DataError(
        Problem(
            what="This is not a scenario file.",
            why=f"only a {SCHEMA} holds what scenarios are made from.",
            fix="open the scenario.json of a run folder.",
        )
    )


def _damaged(how: str) -> DataError:
    return DataError(
        Problem(
            what=f"This scenario file is damaged: {how}.",
            why="a damaged file must not answer questions.",
            fix="copy it again from its run folder, or run the study again.",
        )
    )
