"""A run as a document, rendered as HTML, JSON and text."""
