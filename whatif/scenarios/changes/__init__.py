"""Why an effect differs between two runs: other units, other scores, other mix, other effects."""
