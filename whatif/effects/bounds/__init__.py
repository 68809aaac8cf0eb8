"""Bounds on the effect among units that would order under either arm."""
