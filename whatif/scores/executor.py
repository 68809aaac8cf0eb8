"""How independent tasks are carried out: one small interface, threads behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

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


def _call(task: Callable[[], Result]) -> Result:
    return task()
