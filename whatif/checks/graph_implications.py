"""Do the data keep the independences that the graph claims?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from whatif.base.rng import generator
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.observed import Observed, names_at_hand, observed
from whatif.checks.refitting import FEWEST_CLUSTERS
from whatif.checks.related import MATTERS, Relation, Residuals
from whatif.checks.result import CheckResult, Cost, Status
from whatif.effects.stepdown import holm
from whatif.engines.threads import one_blas_thread
from whatif.graph.implications import Implication, Implied, implied_by

LEVEL = 0.01
MOST_IMPLICATIONS = 30
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One claim of the graph and what the data say."""

    implication: Implication
    relation: Relation

    @property
    def words(self) -> str:
        """The claim as a sentence."""
        one = self.implication
        once = f" once {listed(one.given)} {_verb(one.given)} known" if one.given else ""
        return f"{one.first} and {one.second} should be unrelated{once}"


class GraphImplications:
    """Test the independences that follow from the graph (generalised covariance measure).

    One claim per pair of columns without an arrow, given a smallest set of columns that separates
    them on the graph; at most 30, drawn by seed. Columns enter by their ranks; errors are
    clustered; Holm at .01 over claims. The statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-GRA-01"
    name: ClassVar[str] = "graph_implications"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether columns that the graph calls unrelated are unrelated."
    why: ClassVar[str] = (
        "The graph decides what is adjusted for; an arrow it lacks can make the answer wrong."
    )
    blind: ClassVar[str] = (
        "Hidden causes that leave every claim intact, arrows that point the wrong way within "
        "equivalent graphs, and links that only show in interactions."
    )
    fix: ClassVar[str] = (
        "Add the missing arrow or the hidden cause to the graph and run again; what is adjusted "
        "for may change."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Test every claim, or a stated draw of them."""
        if not evidence.estimand.edges:
            return conclude(self, Status.NOT_APPLICABLE, "The study has no graph.")
        at_hand = names_at_hand(evidence)
        implied = implied_by(evidence.estimand, evidence.spec, at_hand=at_hand)
        claims, left = _drawn(implied.testable, seed=evidence.spec.seed)
        if not claims:
            why = "The graph claims nothing that the columns at hand could contradict."
            return conclude(self, Status.NOT_APPLICABLE, " ".join([why, *_unread(implied)]))
        nodes = {name for one in claims for name in (one.first, one.second, *one.given)}
        table = observed(evidence, sorted(nodes & set(at_hand)))
        if table.clusters < FEWEST_CLUSTERS:
            few = f"Too little data: {table.clusters} clusters, {FEWEST_CLUSTERS} needed."
            return conclude(self, Status.DID_NOT_RUN, few)
        with one_blas_thread():
            tested, failed = _test(table, claims, at_hand=set(at_hand))
        notes = [*_untested(failed), *_unread(implied), *_left(left)]
        return self._judge(tested, table, notes)

    def _judge(self, tested: list[Tested], table: Observed, notes: list[str]) -> CheckResult:
        if not tested:
            why = "None of the graph's claims could be tested."
            return conclude(self, Status.DID_NOT_RUN, " ".join([why, *notes]))
        p_values = holm([one.relation.p_value for one in tested])
        broken = [one for one, p in zip(tested, p_values, strict=True) if p < LEVEL]
        visible = [one.relation.visible(LEVEL / len(tested)) for one in tested]
        clear = [seen for seen in visible if seen <= MATTERS]
        if broken:
            status, words = Status.BROKE, _contradicted(broken, len(tested), table)
        elif not clear:
            status, words = Status.DID_NOT_RUN, _too_little(len(tested), table, min(visible))
        else:
            status, words = Status.HELD, _kept(len(clear), table, max(clear))
            words += _thin(len(tested) - len(clear))
        return conclude(
            self,
            status,
            " ".join([words, *notes]),
            statistic=float(p_values.min()),
            threshold=LEVEL,
        )


def _drawn(claims: tuple[Implication, ...], *, seed: int) -> tuple[tuple[Implication, ...], int]:
    """Return at most 30 claims in their order, and how many were left out."""
    if len(claims) <= MOST_IMPLICATIONS:
        return claims, 0
    order = generator(seed, "graph implications").permutation(len(claims))
    kept = sorted(order[:MOST_IMPLICATIONS].tolist())
    return tuple(claims[i] for i in kept), len(claims) - len(kept)


def _test(
    table: Observed, claims: tuple[Implication, ...], *, at_hand: set[str]
) -> tuple[list[Tested], list[str]]:
    residuals = Residuals(table=table)
    tested: list[Tested] = []
    failed: list[str] = []
    for one in claims:
        given = [name for name in one.given if name in at_hand]
        needed = {one.first, one.second, *given}
        if not needed <= set(table.columns):
            continue  # named once, among the columns that cannot be compared
        relation = residuals.relation(one.first, one.second, given)
        if isinstance(relation, Relation):
            tested.append(Tested(implication=one, relation=relation))
        else:
            failed.append(relation)
    return tested, [*table.unusable, *dict.fromkeys(failed)]


def _verb(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _contradicted(broken: list[Tested], tested: int, table: Observed) -> str:
    worst = sorted(broken, key=lambda one: one.relation.p_value)[:MOST_NAMED]
    found = [
        f"{one.words}, but correlate by {one.relation.correlation:+.2f}"
        + (f" ({one.relation.label})" if one.relation.label else "")
        for one in worst
    ]
    more = f" and {len(broken) - len(worst)} more" if len(broken) > len(worst) else ""
    claims = "claim" if tested == 1 else "claims"
    return (
        f"{len(broken)} of {tested} {claims} of the graph broken on {table.size}: "
        f"{'; '.join(found)}{more}."
    )


def _kept(tested: int, table: Observed, seen: float) -> str:
    claims = "claim of the graph agrees" if tested == 1 else "claims of the graph agree"
    return (
        f"{tested} {claims} with {table.size}; a correlation of {amount(seen)} could have been "
        "seen in each."
    )


def _thin(count: int) -> str:
    return f" {count} more would need more data to say anything." if count else ""


def _too_little(tested: int, table: Observed, seen: float) -> str:
    return (
        f"Too little data: with {tested} claims on {table.size} a correlation below "
        f"{amount(seen)} would go unseen, and {MATTERS:g} matters."
    )


def _untested(failed: list[str]) -> list[str]:
    return [f"Not tested: {'; '.join(failed)}."] if failed else []


def _unread(implied: Implied) -> list[str]:
    if not implied.unread:
        return []
    return [f"Not tested, because the study does not read them: {listed(implied.unread)}."]


def _left(count: int) -> list[str]:
    return [f"{count} more claims were left out by lot."] if count else []
