"""How a case becomes rows: time in turn, the copy of the same bytes, memory, the results file."""
