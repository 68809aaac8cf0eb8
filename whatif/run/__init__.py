"""Runs: every room called in order, the files a run leaves, and putting them in place."""
