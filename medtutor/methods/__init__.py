"""The lecture itself: training data, loss functions, layers, architectures and input data."""
