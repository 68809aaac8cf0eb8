"""A study laid on its graph: which nodes it names, which rows it keeps, which paths stay open."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from whatif.contract.spec import StudySpec
from whatif.contract.where import Expression, columns_of, parse_where
from whatif.contract.where_ast import All, Compare, Literal, Name, Not
from whatif.engines.graph_files import Dag
from whatif.engines.graph_paths import colliders, directed_path, drawn, open_path
from whatif.graph.words import listed

ROW_FILTER = "the row filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What identification needs to know about a study with a graph.

    Attributes
    ----------
    spec : StudySpec
        The study.
    dag : Dag
        Its graph.
    treatment : str
        Treatment column.
    outcomes, segments, exploratory, filtered : tuple of str
        Outcome columns, columns of any cut, columns of the row filter.
    fixed : tuple of str
        Columns that the row filter holds at one value.
    measured : frozenset of str
        Columns that the data hold and that may be adjusted for.
    """

    spec: StudySpec
    dag: Dag
    treatment: str
    outcomes: tuple[str, ...]
    segments: tuple[str, ...]
    exploratory: tuple[str, ...]
    filtered: tuple[str, ...]
    fixed: tuple[str, ...]
    measured: frozenset[str]

    @property
    def randomised(self) -> bool:
        """Whether the study is an experiment."""
        return self.spec.design.kind == "experiment"

    @property
    def covariates(self) -> tuple[str, ...]:
        """Covariates as given; none when left out."""
        return self.spec.covariates or ()

    @property
    def named(self) -> tuple[str, ...]:
        """Columns that must be nodes of the graph."""
        names = (
            self.treatment,
            *self.outcomes,
            *self.covariates,
            *self.segments,
            *self.exploratory,
        )
        return tuple(dict.fromkeys(names))

    @property
    def kept(self) -> Dag:
        """The graph of the rows that the filter keeps: one more node, caused by its columns."""
        arrows = [(name, ROW_FILTER) for name in self.filtered if name in self.dag.nodes]
        return Dag(
            nodes=tuple(sorted({*self.dag.nodes, ROW_FILTER})),
            edges=tuple(sorted({*self.dag.edges, *arrows})),
        )

    def conditioned(self, adjusted: Collection[str]) -> frozenset[str]:
        """Return `adjusted` and what the row filter holds fixed; the filter itself included."""
        held = set(self.fixed) & set(self.dag.nodes)
        return frozenset({*adjusted, *held, ROW_FILTER})

    def open_path(self, outcome: str, adjusted: Collection[str]) -> tuple[str, ...] | None:
        """Return a backdoor path to `outcome` that stays open among the kept rows, if any."""
        return open_path(self.kept, self.treatment, outcome, self.conditioned(adjusted))

    def described(self, path: tuple[str, ...], adjusted: Collection[str]) -> str:
        """Return the path in one line, and what opened it where conditioning did."""
        line = f"{drawn(self.kept, path)}."
        meets = colliders(self.kept, path)
        if not meets:
            return line
        openers = [
            name
            for name in sorted(self.conditioned(adjusted))
            if any(n == name or directed_path(self.kept, n, name) for n in meets)
        ]
        return (
            f"{line} Arrows meet at {listed(meets)}, and conditioning on {listed(openers)} opens "
            "the path there."
        )


def question_of(spec: StudySpec, dag: Dag, columns: Collection[str]) -> Question:
    """Lay `spec` on `dag`; `columns` are those that the data hold."""
    expression = _filter(spec)
    return Question(
        spec=spec,
        dag=dag,
        treatment=spec.treatment.column,
        outcomes=tuple(outcome.column for outcome in spec.outcomes),
        segments=tuple(dict.fromkeys(name for cut in spec.segments for name in cut)),
        exploratory=tuple(dict.fromkeys(name for cut in spec.exploratory for name in cut)),
        filtered=filter_columns(spec),
        fixed=() if expression is None else tuple(sorted(_fixed(expression))),
        measured=frozenset(name for name in columns if name != spec.unit),
    )


def filter_columns(spec: StudySpec) -> tuple[str, ...]:
    """Return the columns of the study's row filter, sorted."""
    expression = _filter(spec)
    return () if expression is None else tuple(sorted(columns_of(expression)))


def _filter(spec: StudySpec) -> Expression | None:
    if spec.data is None or spec.data.where is None:
        return None
    return parse_where(spec.data.where)


def _fixed(expression: Expression) -> set[str]:
    """Return the columns that have one value in every row that is kept."""
    if isinstance(expression, All):
        return set().union(*(_fixed(part) for part in expression.parts))
    if isinstance(expression, Compare) and expression.op == "=":
        sides = (expression.left, expression.right)
        names = {side.name for side in sides if isinstance(side, Name)}
        return names if any(isinstance(side, Literal) for side in sides) else set()
    flag = expression.part if isinstance(expression, Not) else expression
    return {flag.name} if isinstance(flag, Name) else set()
