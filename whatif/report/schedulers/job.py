"""The job that a scheduler runs: its two commands, checked once for every format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from whatif.base.errors import Problem, UsageError
from whatif.base.hashing import of_bytes
from whatif.base.secrets import redacted
from whatif.contract.spec import ScheduleSpec

_KUBERNETES_NAME = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A study that runs by itself.

    Attributes
    ----------
    study : str
        Its name.
    file, out, executable : str
        Study file, folder of run folders and the ``whatif`` command; absolute, because schedulers
        start elsewhere.
    schedule : ScheduleSpec
        When, and in which time zone.
    user : str
        Whose name it runs under, where a unit says so.
    site : str or None
        Folder or URL of the site; None: ``OUT/site``.
    image : str or None
        Container image, for Kubernetes.

    Raises
    ------
    UsageError
        If a path is not absolute, has a character that no unit can hold, or the site's address
        holds a login.
    """

    study: str
    file: str
    out: str
    executable: str
    schedule: ScheduleSpec
    user: str = "root"
    site: str | None = None
    image: str | None = None

    def __post_init__(self) -> None:
        for path in (self.file, self.out, self.executable):
            _require_absolute(path)
        if self.site is not None:
            _require_no_login(self.site)
            if "://" not in self.site:
                _require_absolute(self.site)
            _require_printable(self.site)
        if self.image is not None and not re.fullmatch(r"[\w./:@-]+", self.image, re.ASCII):
            raise UsageError(
                Problem(
                    what=f"{self.image!r} is not a container image.",
                    why="the pods would never start.",
                    fix="name it as registries do, e.g. --image registry.example/whatif:1.",
                )
            )

    @property
    def name(self) -> str:
        """``whatif-`` and the study."""
        return f"whatif-{self.study}"

    @property
    def secrets(self) -> str:
        """The file of environment variables that cron and systemd read, if it is there."""
        return f"/etc/whatif/{self.study}.env"

    @property
    def identifier(self) -> str:
        """The name as a Python name; two studies never share one."""
        return self.name.replace("-", "_")

    @property
    def short_name(self) -> str:
        """The name as Kubernetes takes it for a CronJob: 52 characters, no hyphen at the end."""
        if len(self.name) <= _KUBERNETES_NAME and not self.name.endswith("-"):
            return self.name
        ending = of_bytes(self.name.encode())[:8]
        return f"{self.name[: _KUBERNETES_NAME - len(ending) - 1].rstrip('-')}-{ending}"

    @property
    def run(self) -> tuple[str, ...]:
        """Words of the command that runs the study and publishes its page."""
        return (self.executable, "run", self.file, "--out", self.out, "--publish", *self._site)

    @property
    def tell(self) -> tuple[str, ...]:
        """Words of the command that tells people how the study stands, after a failed run."""
        return (self.executable, "status", self.study, "--notify", "--out", self.out, *self._site)

    @property
    def _site(self) -> tuple[str, ...]:
        return () if self.site is None else ("--site", self.site)


def _require_absolute(path: str) -> None:
    if not PurePosixPath(path).is_absolute():
        raise UsageError(
            Problem(
                what=f"The path {path!r} is not absolute.",
                why="schedulers start in another folder and would not find it.",
                fix="give the full path.",
            )
        )
    _require_printable(path)


def _require_printable(text: str) -> None:
    if not text.isprintable():
        raise UsageError(
            Problem(
                what=f"{text!r} holds a line break or an unseen character.",
                why="it could end a line of the unit, or not be what it looks like.",
                fix="rename the folder or file, with letters, digits and spaces.",
            )
        )


def _require_no_login(site: str) -> None:
    if redacted(site) != site:
        raise UsageError(
            Problem(
                what=f"The site's address {redacted(site)} holds a login or a query.",
                why="everyone who can read the unit could write to the site.",
                fix="leave them out and give them to the storage library by its environment.",
            )
        )
