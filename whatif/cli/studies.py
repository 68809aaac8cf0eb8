"""Commands that answer studies: run, check, ask, calibrate, power, demo, init, simulate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from whatif.cli.common import (
    INTEGRITY,
    AsOf,
    Data,
    Json,
    Out,
    RunRef,
    Site,
    StudyFile,
    day,
    end,
    errors,
    now,
    options,
    say,
    site_of,
    stage,
)

app = typer.Typer()
simulate_app = typer.Typer(no_args_is_help=True, help="Simulate data whose true effects are known.")
schedule_app = typer.Typer(no_args_is_help=True, help="Run studies by themselves.")
app.add_typer(simulate_app, name="simulate")
app.add_typer(schedule_app, name="schedule")


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
    site: Site = None,
) -> None:
    """Answer a study: identify, score, check, decide, write the page."""
    from whatif.run.job import Target, run_study

    with errors(as_json=as_json):
        done = run_study(
            study,
            options=options(data, as_of, out, force=force, quick=quick),
            target=Target(out=out, publish=publish, site=site_of(site, out)),
            stage=stage,
            clock=now,
        )
        for line in done.warnings:
            sys.stderr.write(f"{line}\n")
        say(done.answer if as_json else done.text)
    end(INTEGRITY if done.withheld else 0, untold=done.untold)


@app.command()
def check(study: StudyFile, data: Data = None, as_of: AsOf = None, as_json: Json = False) -> None:
    """Look at everything short of fitting: study file, graph, data, design."""
    from whatif.run.check import check_study

    with errors(as_json=as_json):
        found = check_study(study, options=options(data, as_of, None, force=False, quick=True))
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@app.command()
def ask(
    run: RunRef,
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
    from whatif.run.ask import ask_run
    from whatif.run.prices import amounts, read_where, shares
    from whatif.run.what_if import Question

    with errors(as_json=as_json):
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
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)
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

    with errors(as_json=as_json):
        done = calibrate_study(
            study,
            options=options(data, as_of, out, force=force, quick=True),
            out=out,
            draws=draws,
            stage=stage,
        )
        say(done.json if as_json else done.text)


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
    from whatif.run.planned_power import Wish, plan_study

    with errors(as_json=as_json):
        wish = Wish(units=units, days=days, effect=effect)
        found = plan_study(study, wish, data=data, as_of=day(as_of))
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@app.command()
def demo(out: Out = Path("reports")) -> None:
    """Simulate a checkout experiment, answer it, and publish the page."""
    from whatif.run.demo import run_demo

    with errors():
        done = run_demo(out, stage=stage, clock=now)
        say(done.text)
    raise typer.Exit(INTEGRITY if done.withheld else 0)


@app.command()
def init(
    source: Annotated[str, typer.Argument(help="Parquet, CSV or DuckDB source.")],
    study: Annotated[Path, typer.Option("--study", help="Study file to write.")],
) -> None:
    """Draft a study file from the columns of a data set."""
    from whatif.run.draft import draft

    with errors():
        say(draft(source, study))


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

    with errors():
        log, truth = simulate_to(out, sessions=sessions, seed=seed, mode=mode)
        say(f"{log}\n{truth}")


@schedule_app.command("render")
def schedule_render(
    study: StudyFile,
    kind: Annotated[
        str,
        typer.Option("--as", help="cron, systemd, github, k8s, airflow, dagster or prefect."),
    ] = "cron",
    out: Out = Path("reports"),
    site: Site = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Container image with whatif (k8s).")
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", help="Folder to write to (default: print).")
    ] = None,
) -> None:
    """Print what a scheduler needs to run the study by itself."""
    from whatif.run.schedule import render_schedule

    with errors():
        say(render_schedule(study, kind=kind, out=out, site=site, image=image, into=into))
