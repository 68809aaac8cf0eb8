"""Array types and shape checks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def mean_one(weight: Floats | None) -> Floats | None:
    """Scale weights to a mean of 1, for libraries whose penalties count weight; None stays.

    Examples
    --------
    >>> mean_one(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5]
    """
    return None if weight is None else weight / weight.mean()


def frozen(name: str, values: ArrayLike, *, shape: tuple[int | None, ...]) -> Floats:
    """Return `values` as a finite read-only float array of `shape`, or say why not.

    Parameters
    ----------
    name : str
        Used in the error.
    values : array_like
        Any numeric array; an array that already fits is frozen without a copy.
    shape : tuple of int or None
        Expected shape; None leaves a dimension free.

    Raises
    ------
    ValueError
        If the shape differs or a value is missing or infinite.
    """
    out = np.asarray(values, dtype=np.float64)
    fits = out.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(out.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} has shape {out.shape}; expected {shape}.")
    if not np.isfinite(out).all():
        bad = int((~np.isfinite(out)).sum())
        raise ValueError(f"{name} has {bad} missing or infinite values of {out.size}.")
    out.flags.writeable = False
    return out
