"""The published site's own pages, from records of past runs."""
