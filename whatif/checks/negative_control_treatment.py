"""Does a column that cannot move the outcome still foretell it?"""

from __future__ import annotations

from typing import ClassVar

from whatif.checks.analysed import primary_outcome
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.observed import Observed, observed
from whatif.checks.refitting import FEWEST_CLUSTERS
from whatif.checks.related import MATTERS, Relation, Residuals
from whatif.checks.result import CheckResult, Cost, Status
from whatif.effects.stepdown import holm
from whatif.engines.threads import one_blas_thread
from whatif.graph.controls import unfit_treatment

LEVEL = 0.01


class NegativeControlTreatment:
    """Test that declared columns say nothing about the primary outcome once the rest is known.

    The rest are the arm and every covariate of the models. Residuals against residuals on at most
    15,000 rows chosen by cluster, columns by their ranks, clustered errors, Holm at .01 over
    columns. The statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-NCT-01"
    name: ClassVar[str] = "negative_control_treatment"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether columns that cannot move the outcome still foretell it."
    why: ClassVar[str] = (
        "They can only do so through a cause that the study does not adjust for, which may also "
        "stand behind the arm."
    )
    blind: ClassVar[str] = "Hidden causes of arm and outcome that leave no trace in the columns."
    fix: ClassVar[str] = (
        "Find the common cause of the column and the outcome, measure it and adjust for it."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Test every declared column."""
        declared = evidence.spec.negative_controls.treatments
        if not declared:
            why = "The study declares no negative control treatment."
            return conclude(self, Status.NOT_APPLICABLE, why)
        outcome, features = primary_outcome(evidence.spec), evidence.design.features.names
        reasons = {
            name: unfit_treatment(evidence.estimand, name, outcome=outcome, adjusted=features)
            for name in declared
        }
        refused = [f"{name} ({why})" for name, why in reasons.items() if why is not None]
        usable = [name for name, why in reasons.items() if why is None]
        if not usable:
            why = f"No declared column can serve: {'; '.join(refused)}."
            return conclude(self, Status.NOT_APPLICABLE, why)
        treatment = evidence.spec.treatment.column
        table = observed(evidence, [treatment, outcome, *features, *usable])
        if table.clusters < FEWEST_CLUSTERS:
            few = f"Too little data: {table.clusters} clusters, {FEWEST_CLUSTERS} needed."
            return conclude(self, Status.DID_NOT_RUN, few)
        refused += table.unusable
        given = [name for name in (treatment, *features) if name in table.columns]
        residuals, found = Residuals(table=table), dict[str, Relation]()
        with one_blas_thread():
            for name in (one for one in usable if one in table.columns):
                relation = residuals.relation(name, outcome, given)
                if isinstance(relation, Relation):
                    found[name] = relation
                else:
                    refused.append(f"{name} ({relation})")
        return self._judge(found, table, outcome=outcome, refused=refused)

    def _judge(
        self, found: dict[str, Relation], table: Observed, *, outcome: str, refused: list[str]
    ) -> CheckResult:
        left = [f"Not used: {'; '.join(refused)}."] if refused else []
        if not found:
            return conclude(self, Status.DID_NOT_RUN, " ".join(["Not run.", *left]))
        names, relations = list(found), list(found.values())
        p_values = holm([one.p_value for one in relations])
        seen = [one.visible(LEVEL / len(relations)) for one in relations]
        clear = [one for one in seen if one <= MATTERS]
        worst = int(p_values.argmin())
        if p_values[worst] < LEVEL:
            status = Status.BROKE
            label = f" ({relations[worst].label})" if relations[worst].label else ""
            words = (
                f"{names[worst]}{label} and {outcome} correlate by "
                f"{relations[worst].correlation:+.2f} among units alike in arm and covariates, on "
                f"{table.size}."
            )
        elif not clear:
            status = Status.DID_NOT_RUN
            words = (
                f"Too little data: on {table.size} a correlation below {amount(min(seen))} would "
                f"go unseen, and {MATTERS:g} matters."
            )
        else:
            status = Status.HELD
            words = (
                f"Nothing beyond luck links {listed(names)} to {outcome} once arm and covariates "
                f"are known, on {table.size}; a correlation of {amount(max(clear))} could have "
                "been seen."
            )
        return conclude(
            self,
            status,
            " ".join([words, *left]),
            statistic=float(p_values[worst]),
            threshold=LEVEL,
        )
