"""Part one of the lecture: images, labels and where they come from."""
