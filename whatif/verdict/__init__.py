"""From effects and checks to readings, a verdict and every sentence."""
