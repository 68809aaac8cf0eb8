"""The heartbeat: a monitor outside hears of every publish, and notices when it hears nothing."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from whatif.base.errors import Problem
from whatif.base.secrets import host_of
from whatif.publish.notices.channels import HEARTBEAT_URL, Channels
from whatif.publish.notices.http import Patience, call, persist, within

SHORT = Patience(seconds=5.0)


def ping(
    channels: Channels,
    *,
    good: bool,
    patience: Patience = SHORT,
) -> Problem | None:
    """Tell the monitor that a publish went well, or that it failed; return why it did not hear.

    The address is asked with GET; after a failure with ``/fail`` at the end of its path, as
    healthchecks.io and those like it understand. All tries together last no longer than
    `patience` has seconds for each, and nothing is sent again later.

    Parameters
    ----------
    channels : Channels
        Names the monitor; without one nothing is done.
    good : bool
        Whether the page is up.
    patience : Patience
        How long the monitor is waited for.
    """
    if not channels.heartbeat:
        return None
    parts = urlsplit(channels.heartbeat)
    path = parts.path if good else f"{parts.path.rstrip('/')}/fail"
    url = urlunsplit(parts._replace(path=path))
    each = patience.seconds / patience.tries
    outcome = within(
        patience.seconds,
        lambda: persist(lambda: call("GET", url, seconds=each, headers={}), patience),
    )
    if not outcome.why:
        return None
    return Problem(
        what=f"The heartbeat did not reach {host_of(url)}: {outcome.why}.",
        why="the monitor will raise an alarm, or keep one, that is not about the study.",
        fix=f"check {HEARTBEAT_URL} and the monitor; the next publish tells it again.",
    )
