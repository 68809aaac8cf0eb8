"""Why an observed number moved between two periods: mix, shares of the arms, mechanism."""
