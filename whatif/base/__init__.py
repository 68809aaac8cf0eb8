"""Errors, arrays, hashing, seeded generators and display helpers that every room may use."""
