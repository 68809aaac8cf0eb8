"""What a scheduler needs to run a study by itself: printed, or written to a folder."""

from __future__ import annotations

import getpass
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.spec import ScheduleSpec
from whatif.contract.study_file import LoadedStudy, load_study
from whatif.publish.atomic import publishing, write_bytes
from whatif.report.schedulers.job import Job
from whatif.report.schedulers.units import FILES


def render_schedule(
    path: Path,
    *,
    kind: str,
    out: Path,
    site: str | None = None,
    image: str | None = None,
    into: Path | None = None,
) -> str:
    """Return what a scheduler needs to run the study by itself.

    One file is returned as it is, several each below a line ``# ==== name ====``.

    Parameters
    ----------
    path : Path
        The study file, or its folder.
    kind : str
        ``cron``, ``systemd``, ``github``, ``k8s``, ``airflow``, ``dagster`` or ``prefect``.
    out : Path
        Folder of studies and their runs.
    site : str, optional
        Folder or URL of the site. Default: ``OUT/site``.
    image : str, optional
        Container image with whatif in it; Kubernetes asks for one.
    into : Path, optional
        Folder to write the files to, each in one step; their paths are returned then.

    Raises
    ------
    UsageError
        If the study has no schedule, or the scheduler cannot run it as asked.
    PublishError
        If the files cannot be written.
    """
    if kind not in FILES:
        raise UsageError(
            Problem(
                what=f"Schedules cannot be rendered as {kind!r}.",
                why="only a rendering that was tested should run unattended.",
                fix=f"{did_you_mean(kind, sorted(FILES))}",
            )
        )
    loaded = load_study(path)
    files = FILES[kind](_job(loaded, kind=kind, out=out, site=site, image=image))
    if into is not None:
        return "\n".join(str(one) for one in _write(files, into))
    if len(files) == 1:
        return next(iter(files.values()))
    return "\n".join(f"# ==== {name} ====\n{text}" for name, text in files.items())


def _job(loaded: LoadedStudy, *, kind: str, out: Path, site: str | None, image: str | None) -> Job:
    local = site is not None and "://" not in site
    return Job(
        study=loaded.spec.study,
        file=str(loaded.path.resolve()),
        out=str(out.resolve()),
        executable="/usr/local/bin/whatif" if kind == "k8s" else _executable(),
        schedule=_schedule(loaded),
        user=getpass.getuser(),
        site=str(Path(str(site)).resolve()) if local else site,
        image=image,
    )


def _schedule(loaded: LoadedStudy) -> ScheduleSpec:
    if loaded.spec.schedule is None:
        raise UsageError(
            Problem(
                what=f"The study {loaded.spec.study!r} has no `schedule`.",
                why="nothing says when it should run.",
                fix='add e.g. `schedule: {cron: "0 7 * * 1", timezone: Europe/London}`.',
            )
        )
    return loaded.spec.schedule


def _executable() -> str:
    beside = shutil.which("whatif", path=str(Path(sys.executable).parent))
    return beside or shutil.which("whatif") or "whatif"


def _write(files: Mapping[str, str], into: Path) -> list[Path]:
    with publishing(into):
        for name, text in files.items():
            write_bytes(into / name, text.encode())
    return [into / name for name in files]
