"""Command line: read argv, call one function, print, choose an exit code."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from whatif.base.errors import Problem, UsageError, WhatIfError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ask a causal what-if question, get a checked answer.",
)
simulate_app = typer.Typer(no_args_is_help=True, help="Simulate data whose true effects are known.")
schedule_app = typer.Typer(no_args_is_help=True, help="Run studies by themselves.")
app.add_typer(simulate_app, name="simulate")
app.add_typer(schedule_app, name="schedule")

StudyFile = Annotated[Path, typer.Argument(help="Study file (YAML), or its folder.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of studies and their runs.")]
Data = Annotated[str | None, typer.Option("--data", help="Data source instead of the study's.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Last day a row may have (YYYY-MM-DD).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

INTEGRITY = 4


@app.command()
def run(
    study: StudyFile,
    data: Data = None,
    out: Out = Path("reports"),
    as_of: AsOf = None,
    as_json: Json = False,
    force: Annotated[bool, typer.Option("--force", help="Fit again even if stored.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out checks that refit.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Put the run on the site.")] = False,
    site: Annotated[Path | None, typer.Option(help="Folder of the site (OUT/site).")] = None,
) -> None:
    """Answer a study: identify, score, check, decide, write the page."""
    from whatif.run.job import Target, run_study

    with _errors(as_json=as_json):
        done = run_study(
            study,
            options=_options(data, as_of, out, force=force, quick=quick),
            target=Target(out=out, publish=publish, site=site or out / "site"),
            stage=_stage,
        )
        for line in done.warnings:
            sys.stderr.write(f"{line}\n")
        _say(done.answer if as_json else done.text)
    raise typer.Exit(INTEGRITY if done.withheld else 0)


@app.command()
def check(study: StudyFile, data: Data = None, as_of: AsOf = None, as_json: Json = False) -> None:
    """Look at everything short of fitting: study file, graph, data, design."""
    from whatif.run.job import check_study

    with _errors(as_json=as_json):
        found = check_study(study, options=_options(data, as_of, None, force=False, quick=True))
        _say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@app.command()
def ask(
    run: Annotated[str, typer.Argument(help="Run folder, run id or study name.")],
    give: Annotated[
        str | None, typer.Option("--give", help="The arm to give (default: the verdict's).")
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="To whom (default: all).")] = None,
    share: Annotated[float, typer.Option("--share", help="To which share of them.")] = 1.0,
    mix: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN:LEVEL=SHARE", help="In another mix of people."),
    ] = None,
    value: Annotated[
        list[str] | None, typer.Option(metavar="OUTCOME=WORTH", help="Worth of one of an outcome.")
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(metavar="OUTCOME=LEVEL", help="Price level; 1.1: dearer."),
    ] = None,
    arm_cost: Annotated[
        list[str] | None, typer.Option(metavar="ARM=COST", help="Cost of giving it to one unit.")
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(metavar="ARM=PRICE", help="What an order pays under it.")
    ] = None,
    units_per_month: Annotated[float | None, typer.Option(help="Units a month.")] = None,
    out: Out = Path("reports"),
    as_json: Json = False,
) -> None:
    """Say what would change if a share of these units got this arm and the rest the control.

    Amounts replace the study's; options that take NAME=NUMBER may be repeated.
    """
    from whatif.run.job import ask_run
    from whatif.run.prices import amounts, read_where, shares
    from whatif.run.what_if import Question

    with _errors(as_json=as_json):
        question = Question(
            give=give,
            where=read_where(where),
            share=share,
            mix=shares(mix or ()),
            per=amounts(value or (), "--value"),
            factor=amounts(factor or (), "--factor"),
            arm_cost=amounts(arm_cost or (), "--arm-cost"),
            price=amounts(price or (), "--price"),
            units_per_month=units_per_month,
        )
        found = ask_run(run, question, out=out)
        _say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)
    raise typer.Exit(INTEGRITY if found.withheld else 0)


@app.command()
def calibrate(
    study: StudyFile,
    draws: Annotated[int, typer.Option(help="Resamples to run the pipeline on.")] = 200,
    data: Data = None,
    out: Out = Path("reports"),
    as_of: AsOf = None,
    as_json: Json = False,
    force: Annotated[bool, typer.Option("--force", help="Draw again even if stored.")] = False,
) -> None:
    """Run a study's pipeline on its own rows with known effects: coverage, false alarms, power."""
    from whatif.run.calibrate import calibrate_study

    with _errors(as_json=as_json):
        done = calibrate_study(
            study,
            options=_options(data, as_of, out, force=force, quick=True),
            out=out,
            draws=draws,
            stage=_stage,
        )
        _say(done.json if as_json else done.text)


@app.command()
def power(
    study: StudyFile,
    units: Annotated[int | None, typer.Option(help="Units (default: as in the past).")] = None,
    days: Annotated[int | None, typer.Option(help="Days to run, in place of units.")] = None,
    effect: Annotated[
        float | None,
        typer.Option(help="Effect to see (default: what matters)."),
    ] = None,
    data: Data = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Say how small an effect a study will see, with its data as the past; no arm is read."""
    from whatif.run.plan import Wish, plan_study

    with _errors(as_json=as_json):
        wish = Wish(units=units, days=days, effect=effect)
        found = plan_study(study, wish, data=data, as_of=_day(as_of))
        _say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@app.command()
def demo(out: Out = Path("reports")) -> None:
    """Simulate a checkout experiment, answer it, and publish the page."""
    from whatif.run.demo import run_demo

    with _errors():
        done = run_demo(out, stage=_stage)
        _say(done.text)
    raise typer.Exit(INTEGRITY if done.withheld else 0)


@app.command()
def init(
    source: Annotated[str, typer.Argument(help="Parquet, CSV or DuckDB source.")],
    study: Annotated[Path, typer.Option("--study", help="Study file to write.")],
) -> None:
    """Draft a study file from the columns of a data set."""
    from whatif.run.job import draft

    with _errors():
        _say(draft(source, study))


@simulate_app.command("checkout")
def simulate_checkout(
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    sessions: Annotated[int, typer.Option(help="Rows of the log.")] = 100_000,
    seed: Annotated[int, typer.Option(help="An equal seed gives equal bytes.")] = 0,
    mode: Annotated[
        str, typer.Option(help="randomised, by-customer, confounded or srm.")
    ] = "randomised",
) -> None:
    """Write a checkout log, and the truth beside it."""
    from whatif.run.demo import simulate_to

    with _errors():
        log, truth = simulate_to(out, sessions=sessions, seed=seed, mode=mode)
        _say(f"{log}\n{truth}")


@schedule_app.command("render")
def schedule_render(
    study: StudyFile,
    kind: Annotated[str, typer.Option("--as", help="cron")] = "cron",
    out: Out = Path("reports"),
) -> None:
    """Print what a scheduler needs to run the study by itself."""
    from whatif.run.job import render_schedule

    with _errors():
        _say(render_schedule(study, kind=kind, out=out))


def _options(
    data: str | None, as_of: str | None, out: Path | None, *, force: bool, quick: bool
) -> Any:  # noqa: ANN401  (RunOptions loads with the heavy libraries)
    from whatif.run.analysis import RunOptions
    from whatif.run.job import cache_folder

    return RunOptions(
        data=data,
        as_of=_day(as_of),
        quick=quick,
        force=force,
        cache=None if out is None else cache_folder(out),
    )


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            Problem(
                what=f"--as-of {text!r} is not a day.",
                why="rows after that day are left out.",
                fix="write it as YYYY-MM-DD.",
            )
        ) from None


def _stage(name: str, total: int) -> Callable[[int], None]:
    """Show one stage as a progress bar on stderr; nothing when there is nothing to wait for."""
    if total == 0:
        return lambda _done: None
    from tqdm import tqdm

    bar = tqdm(
        total=total, desc=name, file=sys.stderr, leave=False, disable=not sys.stderr.isatty()
    )

    def tick(done: int) -> None:
        bar.update(done)
        if bar.n >= total:
            bar.close()

    return tick


@contextmanager
def _errors(*, as_json: bool = False) -> Iterator[None]:
    """Print an error for people on stderr, for machines on stdout; end with its exit code."""
    try:
        yield
    except WhatIfError as error:
        sys.stderr.write(f"{error}\n")
        if as_json:
            problems = [asdict(problem) for problem in error.problems]
            found = {"code": error.code, "exit_code": error.exit_code, "problems": problems}
            _say(json.dumps({"error": found}, ensure_ascii=False))
        raise typer.Exit(error.exit_code) from None


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def main() -> None:
    """Run the command line."""
    app()
