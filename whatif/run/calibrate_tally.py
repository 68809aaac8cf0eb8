"""Draws of a calibration counted: coverage, readings and alarms, with Monte Carlo errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from whatif.base.calibration import AlarmRow, CoverageRow, ReadingRow
from whatif.checks.result import Status
from whatif.effects.calibration import Hit, share_error
from whatif.run.calibrate_draws import Drawn, World

Family = tuple[str, str, str, tuple[str, ...]]


def coverage(drawn: Sequence[Drawn], worlds: Iterable[World]) -> Iterator[CoverageRow]:
    """Yield how often each interval and band held its truth."""
    families: dict[Family, list[Hit]] = {}
    for one in drawn:
        for world, hit in one.hits:
            families.setdefault((world, hit.outcome, hit.arm, hit.dimension), []).append(hit)
    order = [world.name for world in worlds]
    for (world, outcome, arm, dimension), found in sorted(
        families.items(), key=lambda item: order.index(item[0][0])
    ):
        misses = np.array([hit.miss for hit in found if hit.miss is not None])
        held = sum(hit.covered for hit in found)
        yield CoverageRow(
            outcome=outcome,
            arm=arm,
            dimension=dimension,
            planted=world,
            bias=float(misses.mean()) if misses.size else None,
            bias_error=_mean_error(misses),
            share=held / len(found),
            mc_error=share_error(held, len(found)),
            draws=len(found),
        )


def _mean_error(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    few = 2
    if values.size < few:
        return None
    return float(values.std(ddof=1) / np.sqrt(values.size))


def readings(drawn: Sequence[Drawn]) -> Iterator[ReadingRow]:
    """Yield how often each overall effect was read with each word."""
    words = Counter(word for one in drawn for word in one.readings)
    asked: Counter[tuple[str, str, str]] = Counter()
    for (world, outcome, arm, _), count in words.items():
        asked[world, outcome, arm] += count
    for (world, outcome, arm, reading), count in words.items():
        draws = asked[world, outcome, arm]
        yield ReadingRow(
            outcome=outcome,
            arm=arm,
            planted=world,
            reading=reading,
            share=count / draws,
            mc_error=share_error(count, draws),
            draws=draws,
        )


def alarms(drawn: Sequence[Drawn]) -> Iterator[AlarmRow]:
    """Yield how often each check broke, with nothing planted and with its fault."""
    found: dict[tuple[str, str], list[Status]] = {}
    for one in drawn:
        for check, planted, status in one.alarms:
            found.setdefault((check, planted), []).append(status)
    for (check, planted), seen in found.items():
        broke = seen.count(Status.BROKE)
        ran = broke + seen.count(Status.HELD)
        if seen.count(Status.NOT_APPLICABLE) < len(seen):
            yield AlarmRow(
                check=check,
                planted=planted,
                share=broke / len(seen),
                mc_error=share_error(broke, len(seen)),
                ran=ran / len(seen),
                draws=len(seen),
            )
