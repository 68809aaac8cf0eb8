"""The causal graph: is the effect identified, and with which columns."""
