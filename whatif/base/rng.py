"""Seeded generators: one stream per purpose, so that adding one never moves another."""

from __future__ import annotations

import zlib

import numpy as np


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of `purpose` under the study's `seed`.

    Examples
    --------
    >>> bool(generator(0, "bands").normal() == generator(0, "bands").normal())
    True
    >>> bool(generator(0, "bands").normal() == generator(0, "placebo").normal())
    False
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def integer_seed(seed: int, purpose: str) -> int:
    """Return a 31-bit integer seed of `purpose`, for libraries that want an int."""
    return int(generator(seed, purpose).integers(0, 2**31 - 1))
