"""Command line: read argv, call one function, print, choose an exit code."""

from whatif.cli.main import app, main

__all__ = ["app", "main"]
