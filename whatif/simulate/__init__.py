"""Checkout logs whose true effects are known."""
