"""The scenario file: its cells, critical values, text, and what it evaluates to."""
