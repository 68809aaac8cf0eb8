"""A simulated log and its truth on disk: whole files or none, equal bytes for equal content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from whatif.base.errors import Problem, UsageError
from whatif.simulate.assign import Mode
from whatif.simulate.truth import truth_file

_TYPES: Final = {
    "session_id": "string",
    "customer_id": "string",
    "started_at": "timestamp",
    "week": "int8",
    "hour": "int8",
    "urbanicity": "string",
    "is_member": "bool",
    "tenure_days": "int32",
    "device": "string",
    "viewport_width": "int16",
    "cart_value": "float64",
    "distance_km": "float64",
    "n_options": "int8",
    "is_bot": "bool",
    "presentation": "string",
    "option": "string",
    "converted": "int8",
    "shipping_cost": "float64",
    "boxes": "int8",
}
_ROW_GROUP: Final = 131_072


def write_log(frame: pd.DataFrame, path: Path) -> Path:
    """Write a log of `simulate_checkout` as Parquet and return its path.

    Parameters
    ----------
    frame : DataFrame
        The log.
    path : Path
        A name that ends in ``.parquet``, in a folder that exists.

    Raises
    ------
    UsageError
        If the name does not end in ``.parquet`` or the place cannot be written to.
    """
    if path.suffix != ".parquet":
        raise UsageError(
            Problem(
                what=f"{path} does not end in .parquet.",
                why="the log is a Parquet file, and readers go by the ending.",
                fix=f"write to {path.with_suffix('.parquet')}.",
            )
        )
    return _whole(path, lambda staged: _write_parquet(frame, staged))


def write_truth(log: Path, *, mode: Mode) -> Path:
    """Write the truth of `mode` beside a log: ``log.parquet`` gets ``log.truth.json``.

    Raises
    ------
    UsageError
        If the place cannot be written to.
    """
    content = truth_file(mode).read_bytes()
    return _whole(log.with_suffix(".truth.json"), lambda staged: staged.write_bytes(content))


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            (name, pa.timestamp("us", tz="UTC") if kind == "timestamp" else kind)
            for name, kind in _TYPES.items()
        ]
    )
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    table = table.replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", row_group_size=_ROW_GROUP)


def _whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write to a temporary neighbour and rename it, so that no half-written file is left."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".staged-") as folder:
            staged = Path(folder) / path.name
            write(staged)
            os.replace(staged, path)  # noqa: PTH105  (one step on one file system)
    except OSError as error:
        raise UsageError(
            Problem(
                what=f"{path} cannot be written ({error.strerror or error}).",
                why="without the file there is nothing to run a study on.",
                fix="name a file in an existing folder that you may write to.",
            )
        ) from error
    return path
