"""Part four of the lecture: how the layers are put together."""
