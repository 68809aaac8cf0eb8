"""How independent tasks are carried out: one small interface, threads behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from whatif.engines.threads import one_blas_thread

Result = TypeVar("Result")


class Executor(Protocol):
    """Carries out tasks that share nothing but what they read.

    A task is a ``functools.partial`` of a module-level function over arrays, so that it can also
    travel to another process or machine.
    """

    def run(self, tasks: Iterable[Callable[[], Result]]) -> Iterator[Result]:
        """Yield every task's result, in the order of the tasks."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """Tasks side by side in threads; learners release the interpreter while they work.

    Examples
    --------
    >>> from functools import partial
    >>> list(Threads(2).run([partial(max, 1, 2), partial(max, 3, 4)]))
    [2, 4]
    """

    workers: int

    def run(self, tasks: Iterable[Callable[[], Result]]) -> Iterator[Result]:
        """Yield every task's result, in the order of the tasks."""
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            yield from pool.map(_call, tasks)


def side_by_side(fits: Sequence[Callable[[], Result]]) -> list[Result]:
    """Train on every core, one model a core; the results do not depend on their number.

    Examples
    --------
    >>> from functools import partial
    >>> side_by_side([partial(max, 1, 2), partial(max, 3, 4)])
    [2, 4]
    """
    with one_blas_thread():
        return list(Threads(os.cpu_count() or 1).run(fits))


def _call(task: Callable[[], Result]) -> Result:
    return task()
