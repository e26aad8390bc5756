"""Exercises: the student's stubs, the comparison of answers, the words of a check."""
