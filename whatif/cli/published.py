"""Commands on runs that were made: report, publish, sign, status, history, diff, prune, audit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from whatif.base.errors import Problem, UsageError
from whatif.cli.common import INTEGRITY, Json, Out, RunRef, Site, end, errors, now, say, site_of

app = typer.Typer()
audit_app = typer.Typer(no_args_is_help=True, help="Hold runs, pages and sign-offs against trails.")
app.add_typer(audit_app, name="audit")

By = Annotated[str, typer.Option("--by", help="Name of the person who says so.")]
Note = Annotated[str, typer.Option("--note", help="In the person's words.")]

STALE = 8


@app.command()
def report(
    run: RunRef,
    kind: Annotated[str, typer.Option("--as", help="html, pdf, json or csv.")] = "html",
    into: Annotated[
        Path | None, typer.Option("--into", help="File to write (default: print it).")
    ] = None,
    out: Out = Path("reports"),
) -> None:
    """Hand out a stored run as a page, a PDF, JSON or a table."""
    from whatif.run.forms import report_of, write_report

    with errors():
        made = report_of(run, kind=kind, out=out)
        if into is not None:
            write_report(made, into)
            say(str(into))
        elif kind == "pdf" and sys.stdout.isatty():
            raise UsageError(
                Problem(
                    what="A PDF cannot be shown in a terminal.",
                    why="it would only scramble it.",
                    fix="name a file with --into FILE.pdf, or send it on with >.",
                )
            )
        else:
            sys.stdout.buffer.write(made)


@app.command()
def publish(
    run: RunRef,
    by: By = "",
    note: Note = "",
    explore: Annotated[
        bool, typer.Option("--explore", help="With a page of charts to move in, from now on.")
    ] = False,
    out: Out = Path("reports"),
    site: Site = None,
    as_json: Json = False,
) -> None:
    """Put a study on the site; with --by, show readers this very run until a newer one."""
    from whatif.run.publishing import publish_run

    with errors(as_json=as_json):
        done = publish_run(
            run,
            out=out,
            site=site_of(site, out),
            by=by,
            note=note,
            explore=explore,
            clock=now,
        )
        say(json.dumps(done.found.record, ensure_ascii=False) if as_json else done.found.text)
    end(untold=done.untold)


@app.command()
def sign(
    run: RunRef,
    decision: Annotated[str, typer.Argument(help="approve, hold or reject.")],
    by: By = "",
    note: Note = "",
    action: Annotated[
        str,
        typer.Option(
            "--action", help="What is done instead: roll_out, do_not_roll_out or discuss."
        ),
    ] = "",
    because: Annotated[str, typer.Option("--because", help="Why it is done.")] = "",
    out: Out = Path("reports"),
    site: Site = None,
    as_json: Json = False,
) -> None:
    """Approve, hold or reject a run; the page says who, when and why."""
    from whatif.run.publishing import sign_run, word

    with errors(as_json=as_json):
        said = word(decision, by=by, note=note, action=action, because=because)
        done = sign_run(run, said, out=out, site=site_of(site, out), clock=now)
        say(json.dumps(done.found.record, ensure_ascii=False) if as_json else done.found.text)
    end(untold=done.untold)


@app.command()
def status(
    studies: Annotated[list[str] | None, typer.Argument(help="Studies (default: all).")] = None,
    notify: Annotated[bool, typer.Option("--notify", help="Tell people what is stale.")] = False,
    out: Out = Path("reports"),
    site: Site = None,
    as_json: Json = False,
) -> None:
    """Say how studies stand; ends with 8 when a page is stale or the last run failed."""
    from whatif.run.standing import status as status_of

    with errors(as_json=as_json):
        told, alarmed = status_of(
            studies or (), out=out, notify=notify, site=site_of(site, out), clock=now
        )
        say(json.dumps(told.found.record, ensure_ascii=False) if as_json else told.found.text)
    end(STALE if alarmed else 0, untold=told.untold)


@app.command()
def history(
    study: Annotated[str, typer.Argument(help="Study.")],
    out: Out = Path("reports"),
    as_json: Json = False,
) -> None:
    """List the runs of a study: * is what readers see, ? awaits review."""
    from whatif.run.standing import history as history_of

    with errors(as_json=as_json):
        found = history_of(study, out=out, clock=now)
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="Earlier run: folder, run id or study.")],
    after: Annotated[str, typer.Argument(help="Later run: folder, run id or study.")],
    out: Out = Path("reports"),
    as_json: Json = False,
) -> None:
    """Say what differs between two runs, and why the estimate moved; ends with 4 if withheld."""
    from whatif.run.diff import diff_runs

    with errors(as_json=as_json):
        found = diff_runs(before, after, out=out)
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)
    end(INTEGRITY if found.withheld else 0)


@app.command()
def prune(
    study: Annotated[str, typer.Argument(help="Study.")],
    keep: Annotated[int, typer.Option("--keep", help="How many of the newest runs stay.")],
    out: Out = Path("reports"),
    site: Site = None,
    as_json: Json = False,
) -> None:
    """Remove old runs; what readers see, what awaits review and the last signed run stay."""
    from whatif.run.pruning import prune_study

    with errors(as_json=as_json):
        found = prune_study(study, keep=keep, out=out, site=site_of(site, out), clock=now)
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)


@audit_app.command("verify")
def audit_verify(
    study: Annotated[str | None, typer.Argument(help="Study (default: all).")] = None,
    out: Out = Path("reports"),
    site: Site = None,
    as_json: Json = False,
) -> None:
    """Look for altered, missing or added entries, runs and pages; ends with 4 if there are any."""
    from whatif.run.verifying import verify_out

    with errors(as_json=as_json):
        found = verify_out(study, out=out, site=site_of(site, out))
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)
    end(INTEGRITY if found.withheld else 0)


@audit_app.command("seal")
def audit_seal(
    study: Annotated[str, typer.Argument(help="Study.")],
    by: By = "",
    out: Out = Path("reports"),
    as_json: Json = False,
) -> None:
    """Vouch for a trail that was begun without WHATIF_AUDIT_KEY, and seal it from now on."""
    from whatif.run.verifying import seal_trail

    with errors(as_json=as_json):
        found = seal_trail(study, by=by, out=out, clock=now)
        say(json.dumps(found.record, ensure_ascii=False) if as_json else found.text)
