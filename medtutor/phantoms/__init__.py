"""Made images whose truth is known: drawn offline, in seconds, from a seed."""
