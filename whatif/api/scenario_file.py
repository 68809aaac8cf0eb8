"""A published scenario file in Python: the numbers behind the sliders, asked without the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.base.records import BreakEven
    from whatif.effects.rows import Ends, Level, Segment
    from whatif.run.scenario_question import Wish
    from whatif.scenarios.sheet.evaluate import State
    from whatif.scenarios.sheet.record import Sheet


_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRow:
    """One number of a scenario, against the control for everyone.

    Attributes
    ----------
    quantity : str
        Outcome, ratio, ``"profit"``, or ``"break-even worth of"`` an outcome.
    per : str
        ``"month"``, or ``"1,000 units"`` where units a month are not known; ``"one"`` for ratios
        and break-even.
    estimate, std_error : float or None
        Change and clustered error; None without a denominator, the error also of a break-even.
    ci : (low, high)
        Its range; None is unbounded.
    kind : str
        Shape of the range: ``"interval"``, ``"rays"`` (everything but what is between the ends),
        ``"all"``, ``"empty"``, or ``"none"`` where a range would be dishonest or nothing moves.
    chosen_after_looking : bool
        Whether the range is wider because the scenario is not the declared one, or because its arm
        was picked from several by its result.
    """

    quantity: str
    per: str
    estimate: float | None
    std_error: float | None
    ci: Ends
    kind: str
    chosen_after_looking: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScenarioTable(RecordTable):
    """The answer to one scenario.

    Attributes
    ----------
    break_even : BreakEven or None
        Worth of one more of the first valued outcome at which nothing is gained or lost.
    """

    break_even: BreakEven | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Scenario:
    """The scenario file of a run: every what-if over its segments, exact and without the data.

    Python and the published page start from the same numbers, so they give the same answers.

    Attributes
    ----------
    sheet : Sheet
        The file as a record.
    text : str
        ``scenario.json`` itself.
    """

    sheet: Sheet
    text: str

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a ``scenario.json``, or the one in a run folder.

        Raises
        ------
        UsageError
            If there is no such file.
        DataError
            If it is damaged, or was made by a newer version.
        """
        from whatif.run.scenario_file import read_scenario

        return cls.of(read_scenario(Path(path)))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the scenario file in a text.

        Raises
        ------
        DataError
            If it is damaged, or was made by a newer version.
        """
        from whatif.scenarios.sheet.text import decode

        return cls(sheet=decode(text), text=text)

    def at(
        self,
        *,
        give: str | None = None,
        share: float = 1.0,
        where: Mapping[str, Level] | None = None,
        rollout: Mapping[Segment, Mapping[str, float]] | None = None,
        mix: Mapping[str, Mapping[Any, float]] | None = None,
        per: Mapping[str, float] | None = None,
        factor: Mapping[str, float] | None = None,
        arm_cost: Mapping[str, float] | None = None,
        units_per_month: float | None = None,
    ) -> ScenarioTable:
        """Return what changes a month, against the control for everyone.

        Without arguments: the declared scenario, one arm for everyone at the study's prices. Any
        other is chosen after looking, and its ranges are wider: they hold for every scenario that
        could have been chosen instead.

        Parameters
        ----------
        give : str, optional
            An arm; the declared one by default.
        share : float
            Share of the units `where` that get it; the others keep the control.
        where : mapping of column to level, optional
            Who they are, by levels of the file's columns; everyone by default.
        rollout : mapping, optional
            In place of these: shares by arm for each segment, written as rows carry them, e.g.
            ``{(("device", "mobile"),): {"expanded": 0.5}}``. The control gets the rest.
        mix : mapping, optional
            Another population, ``{"device": {"mobile": 0.7, "desktop": 0.3}}``: shares of the
            levels of one column, taken as exact; a level that is not named has none.
        per, factor, arm_cost : mapping, optional
            Worth of one of an outcome; price level of an outcome (1.1: a tenth dearer); cost of
            giving an arm to one unit.
        units_per_month : float, optional
            Units a month in the whole population.

        Raises
        ------
        DataError
            If an integrity check of the run broke.
        UsageError
            If a name is not known, shares do not add up, an amount is negative, or something is
            no mapping or no number where one belongs.

        Examples
        --------
        >>> import whatif as wi
        >>> log = wi.simulate_checkout(8_000, seed=1)
        >>> answer = wi.study(log, unit="session_id", cluster="customer_id", assigned="session_id",
        ...     treatment={"column": "presentation", "control": "folded"},
        ...     design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        ...     outcomes=[{"column": "converted"}, {"column": "shipping_cost", "better": "lower"}],
        ...     segments=["device"]).run(quick=True)
        >>> made = answer.scenario_file.at(give="expanded", where={"device": "mobile"}, share=0.5)
        >>> [row.quantity for row in made]
        ['converted', 'shipping_cost']
        >>> made.records[0].chosen_after_looking
        True
        """
        from whatif.run.scenario_question import Wish

        return self._answer(
            Wish(
                give=give,
                share=share,
                where={} if where is None else where,
                rollout={} if rollout is None else rollout,
                mix={} if mix is None else mix,
                per={} if per is None else per,
                factor={} if factor is None else factor,
                arm_cost={} if arm_cost is None else arm_cost,
                units_per_month=units_per_month,
            )
        )

    def _answer(self, wish: Wish) -> ScenarioTable:
        from whatif.run.scenario_question import state_of
        from whatif.scenarios.sheet.evaluate import evaluate

        state = state_of(self.sheet, wish)
        made = evaluate(self.sheet, state)
        looked = made.chosen_after_looking or len(self.sheet.arms) > _PAIR
        monthly = "1,000 units" if state.units is None else "month"
        ratios = {ratio.name for ratio in self.sheet.ratios}
        rows = [
            ScenarioRow(
                quantity=result.name,
                per="one" if result.name in ratios else monthly,
                estimate=result.estimate,
                std_error=result.std_error,
                ci=(result.low, result.high),
                kind="none" if result.low is None else "interval",
                chosen_after_looking=looked,
            )
            for result in made.results
        ]
        if made.break_even is not None:
            rows.append(_break_even_row(made.break_even, looked=looked))
        return ScenarioTable(
            title=_title(self.sheet, wish),
            note=_note(self.sheet, state, looked=made.chosen_after_looking),
            records=tuple(rows),
            shown=("quantity", "per", "estimate", "std_error", "ci", "kind"),
            break_even=made.break_even,
        )

    def widget(self) -> Any:  # noqa: ANN401  (an anywidget.AnyWidget)
        """Return the sliders of the published page, for a notebook; `Answer.widget` says more.

        Raises
        ------
        UsageError
            If anywidget is not installed, or the run was withheld.
        """
        from whatif.api.widget import widget
        from whatif.report.view_sliders import Names

        return widget(self.text, Names(measures={}, looks_again=self.sheet.looks != "once"))

    def to_json(self) -> str:
        """Return ``scenario.json`` as it was published."""
        return self.text

    def __repr__(self) -> str:
        sheet = self.sheet
        cut = " × ".join(name for name, _ in sheet.columns) or "everyone"
        cells = f"{len(sheet.cells)} cell{'' if len(sheet.cells) == 1 else 's'} of {cut}"
        return f"Scenario({sheet.study!r}: {cells}; {', '.join(sheet.arms)})"

    def _repr_html_(self) -> str:
        from whatif.base.display import card

        if not self.sheet.withheld:
            return self.at()._repr_html_()
        import pandas as pd

        return card(repr(self), pd.DataFrame(), "Withheld: an integrity check of this run broke.")


def _break_even_row(even: BreakEven, *, looked: bool) -> ScenarioRow:
    return ScenarioRow(
        quantity=f"break-even worth of {even.outcome}",
        per="one",
        estimate=even.value,
        std_error=None,
        ci=even.ends,
        kind=even.kind,
        chosen_after_looking=looked,
    )


def _title(sheet: Sheet, wish: Wish) -> str:
    """Say who gets what."""
    from whatif.verdict import whatif_wording as wording

    if wish.rollout:
        parts = [
            (arm, float(share), wording.where_words(segment))
            for segment, shares in wish.rollout.items()
            for arm, share in shares.items()
            if arm != sheet.arms[0]
        ]
        return wording.asked_title(parts or [(sheet.arms[0], 1.0, "")], sheet.study)
    arm = sheet.arms[sheet.declared] if wish.give is None else wish.give
    where = wording.where_words(tuple(wish.where.items()))
    return wording.asked_title([(arm, wish.share, where)], sheet.study)


def _changed(sheet: Sheet, state: State) -> str:
    """Say which amounts are not those of the study."""
    from whatif.scenarios.sheet.evaluate import base_state
    from whatif.verdict import whatif_wording as wording

    base, currency = base_state(sheet), sheet.worth.currency if sheet.worth else ""
    parts = [
        wording.worth_changed(name, worth, known, currency)
        for name, worth, known in zip(sheet.outcomes, state.per, base.per, strict=True)
        if worth != known
    ]
    parts += [
        wording.factor_changed(name, factor)
        for name, factor, known in zip(sheet.outcomes, state.factor, base.factor, strict=True)
        if factor != known
    ]
    parts += [
        wording.arm_cost_changed(arm, cost, known, currency)
        for arm, cost, known in zip(sheet.arms, state.arm_cost, base.arm_cost, strict=True)
        if cost != known
    ]
    if state.units is not None and state.units != base.units:
        parts.append(wording.units_changed(state.units, base.units))
    if state.mix is not None:
        column, levels = sheet.columns[state.mix[0]]
        shares = {str(level): float(p) for level, p in zip(levels, state.mix[1], strict=True)}
        ranked = dict(sorted(shares.items(), key=lambda each: -each[1]))
        parts.append(wording.mix_changed(column, ranked))
    return wording.changed_words(parts)


def _note(sheet: Sheet, state: State, *, looked: bool) -> str:
    """Say what the numbers are against, for whom, and what the ranges allow for."""
    from whatif.verdict.whatif_wording import PICKED

    arm, control = sheet.arms[sheet.declared], sheet.arms[0]
    several = f" {PICKED}" if len(sheet.arms) > _PAIR else ""
    chosen = (
        f"Chosen after looking, so the {sheet.level:.0%} ranges are wider: they hold for every "
        "scenario that could have been chosen."
        if looked
        else f"The declared scenario: {arm} for everyone. Clustered {sheet.level:.0%} intervals."
        f"{several}"
    )
    whom = {
        "att": " Speaks of units that got an arm other than the control.",
        "overlap": " Speaks of units in proportion to how undecided their arm was.",
    }.get(sheet.target, "")
    once = "" if sheet.looks == "once" else " Ranges are for one look."
    changed = _changed(sheet, state)
    with_changes = f" {changed}" if changed else ""
    return f"{chosen} Against {control} for everyone.{with_changes}{whom}{once}"
