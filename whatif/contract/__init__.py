"""Study file, data schemas and sources: what the data promise, and reading them."""
