"""Causal what-if analysis: score once, ask many.

>>> import whatif as wi
>>> log = wi.simulate_checkout(1_000, seed=0)
>>> len(log)
1000
"""

from whatif.api.answer import Answer
from whatif.api.scenario_file import Scenario
from whatif.api.simulated import checkout_truth, simulate_checkout
from whatif.api.study import Study, load, study
from whatif.api.tables import EffectTable, RecordTable
from whatif.base.errors import (
    DataError,
    EstimationError,
    LockedError,
    NotIdentifiedError,
    OverlapError,
    PublishError,
    UsageError,
    WhatIfError,
)

__all__ = [
    "Answer",
    "DataError",
    "EffectTable",
    "EstimationError",
    "LockedError",
    "NotIdentifiedError",
    "OverlapError",
    "PublishError",
    "RecordTable",
    "Scenario",
    "Study",
    "UsageError",
    "WhatIfError",
    "checkout_truth",
    "load",
    "simulate_checkout",
    "study",
]
