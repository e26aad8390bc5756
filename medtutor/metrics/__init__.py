"""What a finished prediction is worth, in numbers. Metrics take labels, never probabilities."""
