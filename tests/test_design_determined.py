"""The founding trap is refused, and ordinary columns are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests import builders
from whatif.base.errors import NotIdentifiedError
from whatif.design.determined import refuse_determined_arms
from whatif.design.record import Design


def _with(**columns: object) -> Design:
    design = builders.design(2_000)
    return replace(design, columns=pd.DataFrame(columns, index=range(design.n)))


def test_arms_that_follow_from_a_device_are_refused() -> None:
    arm = builders.design(2_000).arm
    design = _with(device=np.where(arm == 1, "desktop", "mobile"), region="x")
    with pytest.raises(NotIdentifiedError, match="follows from 'device'") as caught:
        refuse_determined_arms(design, treatment="presentation", time=None)
    assert "staged rollout" in str(caught.value)
    assert "'region'" not in str(caught.value)


def test_arms_that_switch_at_a_width_are_refused() -> None:
    arm = builders.design(2_000).arm
    design = _with(width=np.where(arm == 1, 1024, 360) + np.arange(2_000) % 3)
    with pytest.raises(NotIdentifiedError, match="'width'"):
        refuse_determined_arms(design, treatment="presentation", time=None)


def test_one_exception_ids_and_time_are_not_the_trap() -> None:
    arm = builders.design(2_000).arm
    device = np.where(arm == 1, "desktop", "mobile")
    device[0] = "mobile" if device[0] == "desktop" else "desktop"
    design = _with(device=device, session=[f"s{i}" for i in range(2_000)], day=arm)
    refuse_determined_arms(design, treatment="presentation", time="day")
