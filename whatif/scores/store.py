"""The score table as one Parquet file: what a run keeps, and what the cache returns."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, frozen
from whatif.base.errors import DataError, Problem
from whatif.base.records import NuisanceQuality, OverlapSummary
from whatif.scores.record import OptionScores, Population, Scores, Transported

_META = b"whatif.scores.v1"


def to_parquet(scores: Scores, *, period: pd.Series | None) -> bytes:
    """Return the score table as Parquet bytes; see `write_parquet`."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    write_parquet(scores, sink, period=period)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def write_parquet(scores: Scores, sink: Any, *, period: pd.Series | None) -> None:  # noqa: ANN401
    """Write the score table as Parquet to a path or stream; equal scores give equal bytes.

    Columns ``unit, cluster, fold, period, weight, mass, arm, score:<arm>:<outcome>,
    propensity:<arm>, outcome:<outcome>``, ``residual:<outcome>`` where the scores do not tell it,
    ``option-score:<arm>:<…>`` and ``option-outcome:<…>`` where the study names an option (orders
    and cost by option), and every pre-treatment column.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    sink : path or stream of Arrow
        Where to write.
    period : Series or None
        Moment of each unit, in UTC; its day is kept.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data: dict[str, Any] = {
        "unit": pa.array(scores.unit),
        "cluster": scores.cluster,
        "fold": scores.fold.astype(np.int16),
        "period": pa.nulls(scores.n, pa.date32()) if period is None else _days(period),
        "weight": scores.weight,
        "mass": scores.mass,
        "arm": scores.arm.astype(np.int16),
    }
    for a, arm in enumerate(scores.arms):
        for k, outcome in enumerate(scores.outcomes):
            data[f"score:{arm}:{outcome}"] = scores.gamma[:, a, k]
    for a, arm in enumerate(scores.arms):
        data[f"propensity:{arm}"] = scores.propensity[:, a]
    for k, outcome in enumerate(scores.outcomes):
        data[f"outcome:{outcome}"] = scores.y[:, k]
        if scores.residual is not None:
            data[f"residual:{outcome}"] = scores.residual[:, k]
    data |= _by_option(scores)
    for name in scores.columns:
        data[_stored(str(name), data)] = pa.array(scores.columns[name], from_pandas=True)
    table = pa.table(data).replace_schema_metadata({_META: json.dumps(_meta(scores)).encode()})
    # Numbers with a fraction hardly ever repeat: a dictionary of them only costs time.
    split = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    whole = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=whole,
        use_byte_stream_split=split,
        store_schema=True,
    )


def _by_option(scores: Scores) -> dict[str, Floats]:
    """Return the scores and outcomes by option as columns; none without options."""
    if scores.options is None:
        return {}
    made: dict[str, Floats] = {}
    for k, column in enumerate(scores.options.columns):
        for a, arm in enumerate(scores.arms):
            made[f"option-score:{arm}:{column}"] = scores.options.gamma[:, a, k]
        made[f"option-outcome:{column}"] = scores.options.y[:, k]
    return made


def _stored(name: str, taken: Container[str]) -> str:
    """Return the name a pre-treatment column is stored under; ours come first."""
    return name if name not in taken else f"column:{name}"


def _days(period: pd.Series) -> Any:  # noqa: ANN401  (a pyarrow array)
    import pyarrow as pa

    return (
        pa.array(period.dt.tz_localize(None))
        .cast(pa.timestamp("s"), safe=False)
        .cast(pa.date32(), safe=False)
    )


def _meta(scores: Scores) -> dict[str, Any]:
    moved = [asdict(one) | _lists(one) for one in scores.transported]
    extra: dict[str, Any] = {"transported": moved} if moved else {}
    if scores.options is not None:
        plain = ("names", "columns", "cost", "orders")
        extra["options"] = {name: getattr(scores.options, name) for name in plain}
    return extra | {
        "arms": scores.arms,
        "outcomes": scores.outcomes,
        "columns": [str(name) for name in scores.columns],
        "clusters_assigned": scores.clusters_assigned,
        "quality": [asdict(q) for q in scores.quality],
        "overlap": [asdict(o) for o in scores.overlap],
        "population": scores.population,
        "target": scores.target,
        "repeats": scores.repeats.tolist(),
        "populations": [asdict(one) | _lists(one) for one in scores.populations],
        "key": scores.key,
    }


def from_parquet(path: Path) -> Scores:
    """Read a score table back.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not a score table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        meta = json.loads((table.schema.metadata or {})[_META])
        return _scores(table, meta)
    except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            Problem(
                what=f"{path.name} is not a readable score table ({type(error).__name__}).",
                why="every what-if question is answered from it.",
                fix="run the study again with `--force`.",
            )
        ) from error


def _scores(table: Any, meta: dict[str, Any]) -> Scores:  # noqa: ANN401  (a pyarrow table)
    arms, outcomes = tuple(meta["arms"]), tuple(meta["outcomes"])
    gamma = np.stack([_matrix(table, [f"score:{a}:{k}" for k in outcomes]) for a in arms], axis=1)
    ours = table.column_names[: table.num_columns - len(meta["columns"])]
    columns = table.select([_stored(name, ours) for name in meta["columns"]]).to_pandas()
    residual = [f"residual:{k}" for k in outcomes]
    return Scores(
        arms=arms,
        outcomes=outcomes,
        gamma=frozen("scores", gamma, shape=(None, len(arms), len(outcomes))),
        mass=frozen("mass", table["mass"].to_numpy(), shape=(None,)),
        propensity=frozen(
            "propensity",
            _matrix(table, [f"propensity:{a}" for a in arms]),
            shape=(None, len(arms)),
        ),
        arm=table["arm"].to_numpy().astype(np.int64),
        y=_matrix(table, [f"outcome:{k}" for k in outcomes]),
        cluster=table["cluster"].to_numpy(),
        fold=table["fold"].to_numpy().astype(np.int64),
        weight=table["weight"].to_numpy(),
        target=meta["target"],
        unit=table["unit"].to_pandas(),
        columns=columns.set_axis(meta["columns"], axis="columns"),
        clusters_assigned=meta["clusters_assigned"],
        quality=tuple(_quality(row) for row in meta["quality"]),
        overlap=tuple(_overlap(row) for row in meta["overlap"]),
        population=meta["population"],
        repeats=np.array(meta["repeats"], dtype=np.float64),
        key=meta["key"],
        populations=tuple(_population(row) for row in meta["populations"]),
        residual=_matrix(table, residual) if set(residual) <= set(ours) else None,
        transported=tuple(_transported(row) for row in meta.get("transported", ())),
        options=_options(table, arms, meta["options"]) if "options" in meta else None,
    )


def _options(table: Any, arms: tuple[str, ...], stored: dict[str, Any]) -> OptionScores:  # noqa: ANN401
    columns = tuple(stored["columns"])
    by_arm = [_matrix(table, [f"option-score:{a}:{k}" for k in columns]) for a in arms]
    shape = (None, len(arms), len(columns))
    return OptionScores(
        names=tuple(stored["names"]),
        columns=columns,
        cost=stored["cost"],
        orders=stored["orders"],
        gamma=frozen("scores by option", np.stack(by_arm, axis=1), shape=shape),
        y=_matrix(table, [f"option-outcome:{k}" for k in columns]),
    )


def _matrix(table: Any, names: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401
    return np.column_stack([table[name].to_numpy() for name in names])


def _quality(row: dict[str, Any]) -> NuisanceQuality:
    pairs = {
        key: tuple((str(name), float(number)) for name, number in row[key])
        for key in ("losses", "weights")
    }
    return NuisanceQuality(**(row | pairs))


def _lists(one: Population | Transported) -> dict[str, Any]:
    pairs = (("theta", one.theta), ("sigma", one.sigma))
    return {name: None if values is None else values.tolist() for name, values in pairs}


def _population(row: dict[str, Any]) -> Population:
    return Population(**{**row, "theta": np.array(row["theta"]), "sigma": np.array(row["sigma"])})


def _transported(row: dict[str, Any]) -> Transported:
    arrays = {name: row[name] for name in ("theta", "sigma")}
    made = {name: None if one is None else np.array(one) for name, one in arrays.items()}
    levels = tuple((str(name), int(count)) for name, count in row["levels"])
    listed = {name: tuple(row[name]) for name in ("covariates", "arm_effective")}
    return Transported(**row | made | listed | {"levels": levels})


def _overlap(row: dict[str, Any]) -> OverlapSummary:
    return OverlapSummary(**{**row, "edges": tuple(row["edges"]), "counts": tuple(row["counts"])})
