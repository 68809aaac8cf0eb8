"""The `whatif` command: its groups of commands, put together."""

from __future__ import annotations

import typer

from whatif.cli import published, studies

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ask a causal what-if question, get a checked answer.",
)
app.add_typer(studies.app)
app.add_typer(published.app)


def main() -> None:
    """Run the command line."""
    app()
