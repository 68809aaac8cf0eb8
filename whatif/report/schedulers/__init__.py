"""What schedulers need to run a study by itself: units for machines, recipes for pipelines."""
