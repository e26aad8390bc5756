"""Which cases differ in size only: a plot joins them by a line."""

import re

_SIZE = re.compile(
    r"\b(?:[A-Za-z]\s*=\s*)?\d[\d,.]*(?:\^\d)?(?:\s*[x×]\s*\d[\d,.]*(?:\^\d)?)*(?=$|[\s,;:)])"
)
_EMPTY_BRACKETS = re.compile(r"\(\W*\)")
_LEFT_OVER = re.compile(r"\b(?:into|of|with|in|to|for|at|and|from|on)\b(?=\s*(?:[,;:]|$))")


def series_of(case: str) -> str:
    """Return a case's text without its sizes: "4 x 1 x 128^3 float32" is of "float32"."""
    text = re.sub(r"\s+", " ", _EMPTY_BRACKETS.sub("", _SIZE.sub("", case)))
    return re.sub(r"(?:\s*[,;:]\s*)+", ", ", _LEFT_OVER.sub("", text)).strip(" ,;:")
