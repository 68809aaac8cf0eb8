"""One file per check: what could be wrong, and what was found."""
