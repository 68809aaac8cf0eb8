"""The one slow step: cross-fitted doubly robust scores, cached by content."""
