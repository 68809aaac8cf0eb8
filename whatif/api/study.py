"""A study in Python: from a file or a frame to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from whatif.api.answer import Answer
from whatif.api.power import plan_table
from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd

    from whatif.contract.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Study:
    """A causal question, ready to run.

    Attributes
    ----------
    spec : StudySpec
        The study as declared.
    base : Path
        Folder that relative paths in the study start from.
    frame : DataFrame or None
        Rows in memory that take the place of `data`.
    """

    spec: StudySpec
    base: Path
    frame: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return f"Study({self.spec.study!r}: {self.spec.question or 'no question given'})"

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a study file.

        Raises
        ------
        UsageError
            With every problem of the file at once.
        """
        from whatif.contract.study_file import load_study

        loaded = load_study(path)
        return cls(spec=loaded.spec, base=loaded.folder)

    def run(
        self,
        *,
        data: str | None = None,
        as_of: dt.date | None = None,
        quick: bool = False,
        out: str | Path | None = None,
    ) -> Answer:
        """Identify, score, check and decide.

        Parameters
        ----------
        data : str, optional
            A source that replaces the study's.
        as_of : date, optional
            Last day a row may have.
        quick : bool
            Leave out checks that train models again.
        out : path, optional
            Folder of run folders; by default the answer stays in memory.

        Raises
        ------
        WhatIfError
            UsageError, DataError, NotIdentifiedError, OverlapError or EstimationError.
        """
        from whatif.run.analysis import RunOptions, analyse, prepare
        from whatif.run.answers import findings_of
        from whatif.run.files import texts_of
        from whatif.run.job import keep

        options = RunOptions(data=data, as_of=as_of, quick=quick)
        prepared = prepare(self.spec, base=self.base, options=options, frame=self.frame)
        made = analyse(prepared, options)
        texts = texts_of(made)
        folder = None if out is None else keep(made, Path(out))
        return Answer(
            spec=self.spec,
            findings=findings_of(made.report),
            scores=made.scores,
            html=texts["report.html"].decode(),
            json=texts["answer.json"].decode(),
            folder=folder,
        )

    def power(
        self,
        *,
        units: int | None = None,
        days: int | None = None,
        effect: float | None = None,
        data: str | None = None,
        as_of: dt.date | None = None,
    ) -> RecordTable:
        """Say how small an effect a study of this size will see, with its data as the past.

        The treatment is not read and may be absent: every row counts, whatever its arm. The
        study's own way to assign comes first; beside it, what would be seen if single units or
        whole clusters got an arm.

        Parameters
        ----------
        units, days : int, optional
            How many units to analyse, or for how many days; by default as many as the past has.
        effect : float, optional
            Size of an effect on the primary metric to see; by default what matters.
        data : str, optional
            A source that replaces the study's.
        as_of : date, optional
            Last day a row may have.

        Raises
        ------
        UsageError
            If a number is not positive, both units and days are given, or days without time.
        WhatIfError
            As for `run`: DataError, or EstimationError where covariates cannot be learned from.

        Examples
        --------
        >>> import whatif as wi
        >>> log = wi.simulate_checkout(4_000, seed=1).drop(columns="presentation")
        >>> plan = wi.study(log, unit="session_id", cluster="customer_id", assigned="session_id",
        ...     treatment={"column": "presentation", "control": "folded"},
        ...     design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        ...     outcomes=[{"column": "converted", "matters_from": 0.01}]).power(units=100_000)
        >>> [row.assigned for row in plan]
        ['session_id', 'customer_id']
        >>> plan.records[0].smallest < plan.records[1].smallest
        True
        """
        from whatif.run.planned_power import Wish, plan_power

        return plan_table(
            plan_power(
                self.spec,
                Wish(units=units, days=days, effect=effect),
                base=self.base,
                data=data,
                as_of=as_of,
                frame=self.frame,
            )
        )


def study(frame: pd.DataFrame, *, name: str = "study", **keys: object) -> Study:
    """Return a study over a frame; the keys and values are those of a study file.

    Parameters
    ----------
    frame : DataFrame
        One row per unit; it takes the place of `data`.
    name : str
        Name of the study.
    **keys
        ``treatment``, ``outcomes`` and any other key of a study file.

    Raises
    ------
    UsageError
        With every problem of the keys at once.
    """
    from whatif.contract.study_file import study_from_mapping

    spec = study_from_mapping({"study": name, **keys}, on_frame=True)
    return Study(spec=spec, base=Path(), frame=frame)


def load(run: str | Path, *, out: str | Path = "reports") -> Answer:
    """Open a stored run.

    Parameters
    ----------
    run : str or Path
        A run folder, a run id, or a study name (its latest run).
    out : path
        Folder of run folders.

    Raises
    ------
    UsageError
        If there is no such run.
    DataError
        If its files are damaged.
    """
    from whatif.run.answers import open_run

    opened = open_run(str(run), out=Path(out))
    return Answer(
        spec=opened.spec,
        findings=opened.findings,
        scores=opened.scores,
        html=opened.html,
        json=opened.json,
        folder=opened.folder,
    )
