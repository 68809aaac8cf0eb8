"""Ranges that stay valid when results are looked at more than once."""
