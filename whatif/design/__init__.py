"""How assignment happened: population, folds, known probabilities, features."""
