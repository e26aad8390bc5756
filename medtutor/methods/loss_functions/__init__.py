"""Part two of the lecture: what the network is asked to make small."""
