"""Cheap views of the scores: averages, ratios, segments, bands and tests."""
