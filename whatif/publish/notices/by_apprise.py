"""Notices by Apprise, an optional library that knows many services; it logs no secret here."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from whatif.base.errors import Problem, UsageError
from whatif.publish.notices.http import Outcome

_LOGS = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")


def require_apprise(variable: str) -> None:
    """Refuse addresses in `variable` where Apprise is missing.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        import apprise  # noqa: F401
    except ImportError:
        raise UsageError(
            Problem(
                what=f"{variable} is set, but Apprise is not installed.",
                why="nobody at those addresses would hear of a failure.",
                fix="install it: pip install 'whatif[apprise]'.",
            )
        ) from None


def send_by_apprise(url: str, body: str) -> Outcome:
    """Send the sentence and the link of a ``notice.v1`` once, and say how that ended."""
    from apprise import Apprise, NotifyFormat

    told = json.loads(body)
    lines = [told["text"], *([told["link"]] if "link" in told else [])]
    with _silent():
        sender = Apprise()
        if not sender.add(url):
            return Outcome(why="Apprise does not understand the address")
        sent = sender.notify(
            body="\n".join(lines), title=f"whatif: {told['study']}", body_format=NotifyFormat.TEXT
        )
    return Outcome() if sent else Outcome(why="Apprise could not send it", again=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep libraries from logging addresses, and Python from warning of their imports."""

    def nothing(_: logging.LogRecord) -> bool:
        return False

    logs = [logging.getLogger(name) for name in _LOGS]
    for log in logs:
        log.addFilter(nothing)
    try:
        with warnings.catch_warnings():
            # Apprise loads all its plugins on first use; one needs a module that Python drops.
            warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
            yield
    finally:
        for log in logs:
            log.removeFilter(nothing)
