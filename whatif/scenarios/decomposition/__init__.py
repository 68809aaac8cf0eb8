"""Why the cost of two arms differs: volume, option mix, and cost within an option."""
