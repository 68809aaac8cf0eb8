"""The files of every scheduler, from templates, each value quoted as its format asks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from whatif.base.errors import Problem, UsageError
from whatif.report.schedulers.job import Job
from whatif.report.schedulers.moments import moments_of, on_calendar, plain_cron

SECRETS = (
    "WHATIF_WEBHOOK_URL",
    "WHATIF_WEBHOOK_SECRET",
    "WHATIF_APPRISE_URLS",
    "WHATIF_HEARTBEAT_URL",
    "WHATIF_SITE_URL",
    "WHATIF_STORE",
    "WHATIF_AUDIT_KEY",
)
_LONGEST_COMMAND = 990
_SHORTEST_DEADLINE = 600
_MEANT_RETRIES = 20


def cron_files(job: Job) -> dict[str, str]:
    """Return the lines of a crontab, for cronie and Debian's cron.

    Raises
    ------
    UsageError
        If cron cannot say the moments, or its lines cannot hold the command.

    Examples
    --------
    >>> from whatif.contract.spec import ScheduleSpec
    >>> job = Job(study="s", file="/srv/s.yaml", out="/srv/reports", executable="/srv/whatif",
    ...           schedule=ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London"))
    >>> cron_files(job)["crontab"].splitlines()[-1].split("; ")[-1].partition(" || ")[0]
    '/srv/whatif run /srv/s.yaml --out /srv/reports --publish'
    """
    read = f"set -a; [ ! -r {job.secrets} ] || . {job.secrets}"
    told = f"{shlex.join(job.run)} || [ $? -eq 4 ] || {shlex.join(job.tell)}"
    command = f"{read}; {told}".replace("%", r"\%")
    if len(command.encode()) > _LONGEST_COMMAND:
        raise UsageError(
            Problem(
                what=f"The command has {len(command.encode())} bytes.",
                why="cron cuts or refuses a line of more than about 1,000.",
                fix="use shorter paths, or --as systemd.",
            )
        )
    fields = plain_cron(job.schedule, debian=True)
    return {"crontab": _render("crontab.j2", job, cron=fields, command=command)}


def systemd_files(job: Job) -> dict[str, str]:
    """Return a service, its timer, and the service that tells people of a failure.

    Raises
    ------
    UsageError
        If systemd cannot say the moments or hold the executable's path.
    """
    if any(mark in job.executable for mark in "\"'\\"):
        raise UsageError(
            Problem(
                what=f"The path {job.executable!r} holds a quote or a backslash.",
                why="systemd runs no command with one in its path.",
                fix="install whatif in a folder without.",
            )
        )
    tries = _MEANT_RETRIES + 2 * len(moments_of(job.schedule).minutes)
    lines = on_calendar(job.schedule)
    return {
        f"{job.name}.service": _render("run.service.j2", job, tries=tries),
        f"{job.name}.timer": _render("run.timer.j2", job, lines=lines),
        f"{job.name}-failed.service": _render("failed.service.j2", job),
    }


def github_files(job: Job) -> dict[str, str]:
    """Return a workflow for a runner on the machine that has these paths.

    Raises
    ------
    UsageError
        If the moments cannot be said.
    """
    made = _render("github.yaml.j2", job, cron=plain_cron(job.schedule), secrets=SECRETS)
    return {f"{job.name}.yaml": made}


def kubernetes_files(job: Job) -> dict[str, str]:
    """Return a CronJob and the volume claim for its runs.

    Raises
    ------
    UsageError
        If no image is named, or the moments cannot be said.
    """
    if job.image is None:
        raise UsageError(
            Problem(
                what="No image is named.",
                why="Kubernetes runs whatif in a container.",
                fix="name an image with whatif in it, e.g. --image registry.example/whatif:1.",
            )
        )
    late = max(_SHORTEST_DEADLINE, int(job.schedule.due_within_hours * 3600))
    made = _render("kubernetes.yaml.j2", job, cron=plain_cron(job.schedule), late=late)
    return {f"{job.name}.yaml": made}


def airflow_files(job: Job) -> dict[str, str]:
    """Return a DAG for Airflow 3; raises ``UsageError`` if the moments cannot be said."""
    return _recipe("airflow.py.j2", job)


def dagster_files(job: Job) -> dict[str, str]:
    """Return an asset with its schedule; raises ``UsageError`` if the moments cannot be said."""
    return _recipe("dagster.py.j2", job)


def prefect_files(job: Job) -> dict[str, str]:
    """Return a flow with its schedule; raises ``UsageError`` if the moments cannot be said."""
    return _recipe("prefect.py.j2", job)


FILES: Mapping[str, Callable[[Job], dict[str, str]]] = {
    "cron": cron_files,
    "systemd": systemd_files,
    "github": github_files,
    "k8s": kubernetes_files,
    "airflow": airflow_files,
    "dagster": dagster_files,
    "prefect": prefect_files,
}


def _recipe(template: str, job: Job) -> dict[str, str]:
    return {f"{job.identifier}.py": _render(template, job, cron=plain_cron(job.schedule))}


def _render(template: str, job: Job, **values: object) -> str:
    return _environment().get_template(f"schedule/{template}").render(job=job, **values)


@cache
def _environment() -> Environment:
    made = Environment(  # noqa: S701  (no page: filters below quote, and a Job holds no control mark)
        loader=PackageLoader("whatif.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "shell": shlex.join,
        "systemd": _systemd,
        "github": lambda text: text.replace("${{", "${{ '${{' }}"),
        "yaml": lambda text: json.dumps(text, ensure_ascii=False),
        "kubernetes": lambda word: json.dumps(word.replace("$", "$$"), ensure_ascii=False),
        "python": repr,
        "python_list": lambda words: repr(list(words)),
    }
    return made


def _systemd(words: Sequence[str]) -> str:
    """Return a command line for ``ExecStart=``; the colon keeps every dollar sign as it is."""
    escaped = (word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") for word in words)
    return " ".join(f'"{":" if place == 0 else ""}{word}"' for place, word in enumerate(escaped))
