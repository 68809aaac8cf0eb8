"""Long measurements, each run by a command of its own."""
