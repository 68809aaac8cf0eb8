"""One request to an address of the reader's choice: bounded in time, tried again, never followed.

The standard library's client is used because it writes no log: others log whole addresses, and
the path of a web hook is a secret.
"""

from __future__ import annotations

import queue
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message as Headers
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import gaierror
from urllib.parse import SplitResult, urlsplit

_AGAIN = frozenset({408, 425, 429})
_TAKEN, _REDIRECTS, _REFUSALS, _FAULTS = 200, 300, 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an address is waited for.

    Attributes
    ----------
    seconds : float
        For one answer, from the name lookup to the status.
    tries : int
        Requests in one command.
    longest : float
        The longest wait, in seconds, that a receiver may ask for between two of them.
    sleep : callable
        Waits that many seconds.
    """

    seconds: float = 10.0
    tries: int = 3
    longest: float = 30.0
    sleep: Callable[[float], None] = time.sleep


USUAL = Patience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended.

    Attributes
    ----------
    why : str
        Why the notice was not taken; empty where it was. Says nothing of the address.
    again : bool
        Whether asking again may help.
    wait : float
        Seconds the receiver asked to be left alone.
    """

    why: str = ""
    again: bool = False
    wait: float = 0.0


def call(
    method: str, url: str, *, seconds: float, headers: Mapping[str, str], body: bytes | None = None
) -> Outcome:
    """Send one request and return how it ended; the content of the answer is not read.

    Parameters
    ----------
    method, url, headers, body
        The request.
    seconds : float
        Until it is given up, however slowly the other side answers.
    """
    return within(seconds, lambda: _call(method, url, seconds, headers, body))


def within(seconds: float, work: Callable[[], Outcome]) -> Outcome:
    """Return what `work` returns, or say that it took too long; it is then left to itself."""
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def run() -> None:
        try:
            ended.put(work())
        except Exception as error:  # a thread has nobody to raise it to
            ended.put(Outcome(why=f"it could not be asked ({type(error).__name__})"))

    threading.Thread(target=run, daemon=True).start()
    try:
        return ended.get(timeout=seconds)
    except queue.Empty:
        return Outcome(why=f"it did not answer within {seconds:g} seconds", again=True)


def persist(attempt: Callable[[], Outcome], patience: Patience) -> Outcome:
    """Repeat `attempt` while it may help, with growing random waits and those asked for."""
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_result,
        stop_after_attempt,
        wait_exponential_jitter,
    )

    back_off = wait_exponential_jitter(initial=1, max=8)

    def ended(state: RetryCallState) -> Outcome:
        outcome: Outcome = state.outcome.result() if state.outcome else Outcome()
        return outcome

    retrying = Retrying(
        sleep=patience.sleep,
        stop=stop_after_attempt(patience.tries),
        wait=lambda state: max(back_off(state), ended(state).wait),
        retry=retry_if_result(lambda o: o.again and o.wait <= patience.longest),
        retry_error_callback=ended,
    )
    return retrying(attempt)


def _call(
    method: str, url: str, seconds: float, headers: Mapping[str, str], body: bytes | None
) -> Outcome:
    parts = urlsplit(url)
    connection = _connection(parts, seconds)
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    agent = {"User-Agent": "whatif", "Connection": "close"}
    try:
        connection.request(method, target, body=body, headers={**agent, **headers})
        response = connection.getresponse()
        return _answered(response.status, response.headers)
    except (OSError, HTTPException) as error:
        again = not isinstance(error, ssl.SSLCertVerificationError)
        return Outcome(why=_words(error, seconds), again=again)
    finally:
        connection.close()


def _connection(parts: SplitResult, seconds: float) -> HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        safe = ssl.create_default_context()
        return HTTPSConnection(host, parts.port, timeout=seconds, context=safe)
    return HTTPConnection(host, parts.port, timeout=seconds)


def _answered(status: int, headers: Headers) -> Outcome:
    if _TAKEN <= status < _REDIRECTS:
        return Outcome()
    if _REDIRECTS <= status < _REFUSALS:
        return Outcome(why=f"it answered {status}, a redirect, which is not followed")
    again = status in _AGAIN or status >= _FAULTS
    return Outcome(why=f"it answered {status}", again=again, wait=_asked(headers) if again else 0)


def _asked(headers: Headers) -> float:
    """Return the seconds of ``Retry-After``; a date is read by the receiver's own clock."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        until, sent = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (until - sent).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _words(error: Exception, seconds: float) -> str:
    if isinstance(error, gaierror):
        return "its name is not known"
    if isinstance(error, ssl.SSLError):
        return "its certificate could not be checked, or it does not speak TLS"
    if isinstance(error, TimeoutError):
        return f"it did not answer within {seconds:g} seconds"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    return "the connection broke off"
