"""The sliders of the what-if block: which there are, where they start and how far they go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from whatif.report.format import human, title
from whatif.report.measure import Measure
from whatif.scenarios.sheet.record import Sheet
from whatif.verdict import whatif_wording as wording

_WHOLE = 100.0
_TWO = 2
_NEAR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a reader calls the things of a scenario file.

    Attributes
    ----------
    measures : dict of str to Measure
        By outcome and ratio; what is missing goes by its own name.
    many : str
        What is counted: several units.
    who : str
        Whom the means speak of.
    looks_again : bool
        Whether results are looked at more than once.
    """

    measures: dict[str, Measure]
    many: str = "units"
    who: str = "everyone"
    looks_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """One slider: texts of attributes; `low`, `high`, `step` are empty for shares in percent."""

    name: str
    label: str
    value: str
    low: str = ""
    high: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A list to pick from; options are (value, text)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


def one_of(outcome: str, names: Names) -> str:
    """Return what one of an outcome is called, with its article."""
    known = names.measures.get(outcome)
    return wording.one_of(known.one if known else "", human(outcome))


def arm_choice(sheet: Sheet) -> Choice:
    """Return the list of arms but the control, the declared one picked."""
    return Choice(
        name="arm",
        label=wording.ARM,
        options=tuple((str(a), human(arm)) for a, arm in enumerate(sheet.arms) if a),
        chosen=str(sheet.declared),
    )


def cell_sliders(sheet: Sheet) -> tuple[Slider, ...]:
    """Return a slider per cell, named by its levels, so that a link outlives a new level."""
    if len(sheet.cells) == 1:
        return ()
    sliders = []
    for cell in sheet.cells:
        levels = [part[d] for (_, part), d in zip(sheet.columns, cell, strict=True)]
        key = json.dumps([[name for name, _ in sheet.columns], levels])
        sliders.append(
            Slider(
                name=f"c{sha256(key.encode()).hexdigest()[:6]}",
                label=" · ".join(human(level) for level in levels),
                value="100",
            )
        )
    return tuple(sliders)


def setting_sliders(sheet: Sheet, limits: dict[str, Any], names: Names) -> tuple[Slider, ...]:
    """Return the sliders of what outcomes are worth, of prices and of units a month."""
    sliders = []
    worth = sheet.worth
    for k, (outcome, between) in enumerate(zip(sheet.outcomes, limits["per"], strict=True)):
        if worth is not None and worth.per[k] > 0 and between is not None:
            label = wording.worth_label(one_of(outcome, names), worth.currency)
            sliders.append(_slider(f"per{k}", label, worth.per[k], *between))
    costs = cost_outcomes(sheet, names)
    if costs:
        named = " and ".join(_lower(sheet.outcomes[k], names) for k in costs)
        low, high = (_WHOLE * end for end in limits["factor"])
        sliders.append(_slider("price", wording.price_label(named), _WHOLE, low, high))
    if sheet.units is not None and limits["units_per_month"] is not None:
        low, high = limits["units_per_month"]
        label = wording.month_label(title(names.many))
        whole = round(sheet.units)
        sliders.append(_slider("units", label, whole, round(low), round(high)))
    return tuple(sliders)


def _lower(outcome: str, names: Names) -> str:
    known = names.measures.get(outcome)
    return known.lower if known else human(outcome)


def cost_outcomes(sheet: Sheet, names: Names) -> list[int]:
    """Return the outcomes that are costs: worth less than nothing, or money to be kept low."""
    if sheet.worth is not None:
        return [k for k, worth in enumerate(sheet.worth.per) if worth < 0]
    known = [names.measures.get(outcome) for outcome in sheet.outcomes]
    return [k for k, one in enumerate(known) if one and one.prefix and one.better == "lower"]


def _slider(name: str, label: str, value: float, low: float, high: float) -> Slider:
    """Return a slider with a round step of about a hundredth of its way, on whose grid it starts.

    A browser moves a slider to the nearest step from its lowest value, and announces that.
    """
    rough = (high - low) / 100
    power = float(10.0 ** np.floor(np.log10(rough)))
    step = power * max(times for times in (1, 2, 5) if times * power <= rough * (1 + 1e-9))
    steps = (value - low) / step
    if abs(steps - round(steps)) > _NEAR and low > 0:
        low = value - int(steps) * step
        high = low + int((high - low) / step * (1 + _NEAR)) * step
    elif abs(steps - round(steps)) > _NEAR:  # nothing stays within reach
        step = (value - low) / max(round(steps), 1)
    return Slider(
        name=name,
        label=label,
        value=_plain(value),
        low=_plain(low),
        high=_plain(high),
        step=_plain(step),
    )


def _plain(value: float) -> str:
    return f"{value:.12g}" if abs(value) < 1e12 else repr(value)  # noqa: PLR2004


def mix_sliders(
    sheet: Sheet, limits: dict[str, Any], names: Names
) -> tuple[Choice | None, Slider | None, dict[str, Any] | None]:
    """Return the sliders of the mix: the first column with two levels, else any level of one."""
    if not sheet.columns:
        return None, None, None
    sizes = [len(levels) for _, levels in sheet.columns]
    column = sizes.index(_TWO) if _TWO in sizes else 0
    name, levels = sheet.columns[column]
    shares = [
        float(_WHOLE * sheet.share[sheet.cells[:, column] == d].sum()) for d in range(len(levels))
    ]
    if max(shares) >= _WHOLE * (1 - 1e-9):
        return None, None, None
    at = len(levels) - 1
    choice, label = None, wording.mix_label(title(names.many), human(name), human(levels[at]))
    if len(levels) > _TWO:
        at, label = int(np.argmax(shares)), wording.own_mix_label(names.many)
        choice = Choice(
            name="level",
            label=wording.level_label(title(name)),
            options=tuple((str(d), human(level)) for d, level in enumerate(levels)),
            chosen=str(at),
        )
    low, high = (
        (_WHOLE * end for end in limits["mix"][column][at]) if choice is None else (0.0, _WHOLE)
    )
    slider = Slider(
        name="mix",
        label=label,
        value=f"{shares[at]:.1f}",
        low=f"{low:.1f}",
        high=f"{high:.1f}",
        step="0.1",
    )
    kept = {
        "column": column,
        "at": at,
        "shares": [round(share, 6) for share in shares],
        "label": wording.mix_label(title(names.many), human(name), "{0}"),
    }
    return choice, slider, kept
