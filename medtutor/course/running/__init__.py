"""One run of a notebook under a meter, and several beside one another."""
