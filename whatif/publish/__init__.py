"""Finished runs to a site that readers can trust."""
