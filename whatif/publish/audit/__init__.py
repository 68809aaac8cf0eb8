"""The audit trail: what was planned, run, published and signed, in a chain that shows tampering."""
