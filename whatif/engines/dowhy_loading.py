"""Loading DoWhy without what it does to the Python around it."""

from __future__ import annotations

import importlib
import sys


def load_dowhy() -> None:
    """Import DoWhy, and leave an interactive shell's printing as it was.

    DoWhy 0.14 calls ``sympy.init_printing()`` when it is loaded, after which a shell shows text
    without its quotes.
    """
    shown_by = sys.displayhook
    try:
        importlib.import_module("dowhy")
    finally:
        sys.displayhook = shown_by
