"""What predicted effects are worth: calibration, projection, sorted groups, ranking."""
