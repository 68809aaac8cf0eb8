"""Folds that keep a cluster whole and do not move when data grow."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif.base.arrays import Ints

FEW_ROWS = 20_000


def default_folds(rows: int) -> int:
    """Two folds, or five below 20,000 rows.

    Examples
    --------
    >>> default_folds(1_000), default_folds(1_000_000)
    (5, 2)
    """
    return 5 if rows < FEW_ROWS else 2


def fold_of(cluster: pd.Series, *, folds: int, seed: int) -> Ints:
    """Return the fold of each row from a hash of its cluster id, shape (n,).

    The same id falls in the same fold in every run of the study, whatever other rows there are.
    """
    key = f"{seed:016d}"[-16:]
    code, known = pd.factorize(cluster, use_na_sentinel=False)
    # Object, not Arrow-backed, strings: their hash is pandas' documented stable one.
    ids = pd.Series(known).astype("str").to_numpy(dtype=object)
    hashed = pd.util.hash_array(ids, hash_key=key, categorize=False)
    return (hashed % np.uint64(folds)).astype(np.int64)[code]
