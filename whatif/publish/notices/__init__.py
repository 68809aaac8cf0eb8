"""Telling people that something happened to a study: events, notices, and how they are sent."""
