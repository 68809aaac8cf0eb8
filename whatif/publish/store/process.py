"""Processes by number and start, so that a number that was given out again is not taken for it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process: its machine, its number there, and when it was started after the machine was."""

    host: str
    pid: int
    token: str


def this_process() -> Process:
    """Return the process that runs this."""
    pid = os.getpid()
    return Process(host=socket.gethostname(), pid=pid, token=start_of(pid) or "")


def is_dead(process: Process) -> bool:
    """Return whether a process is known to have ended: False for one of another machine."""
    return process.host == socket.gethostname() and start_of(process.pid) != process.token


def start_of(pid: int) -> str | None:
    """Return when a process was started, in seconds since the machine was; None once it ended.

    Counted from the machine's start, it does not move when the clock is set.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time() - psutil.boot_time():.1f}"
    except psutil.NoSuchProcess:
        return None
