"""How a claim, the paper's numbers and ours are said, alike in notebook, book and terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtutor.course.declaration.schema import Claim

# A mark beside the word, so that a table can be scanned; the word alone says it all.
MARKS = {
    "reproduced": "✓",
    "direction only": "→",
    "inconclusive": "?",
    "not reproduced": "✗",
    "not run": "–",
}


def number(value: float) -> str:
    """Return a number with four significant digits and a true minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def mean_and_spread(values: Sequence[Any] | None) -> str:
    """Return ``0.712 ± 0.013 (5 seeds)``, mean and standard deviation over seeds.

    For values at several levels, one mean a level: ``0.2 … 0.5 … 0.9``.
    """
    if values is None:
        return "none"
    table = np.asarray(values, dtype=np.float64)
    seeds = f"{len(table)} seed{'s' * (len(table) > 1)}"
    if table.ndim == 2:
        return " … ".join(number(mean) for mean in table.mean(0)) + f" (means, {seeds})"
    spread = f" ± {table.std(ddof=1):.2g}" if len(table) > 1 else ""
    return f"{number(float(table.mean()))}{spread} ({seeds})"


def difference(line: Mapping[str, Any], claim: Claim | None = None) -> str:
    """Return ``+0.09 [0.05, 0.13]``: the mean paired difference and its 95 % interval."""
    estimate = _estimate(line, claim)
    if estimate is None:
        return "none"
    sign = "+" if estimate > 0 else ""
    text = sign + number(estimate)
    if line.get("interval") is None:
        return text + (", no interval" if line["kind"] != "exact" else "")
    low, high = line["interval"]
    return f"{text} [{number(low)}, {number(high)}]"


def _estimate(line: Mapping[str, Any], claim: Claim | None) -> float | None:
    if line.get("method") is None:
        return None
    method = np.asarray(line["method"], dtype=np.float64)
    if method.ndim == 2:
        return float((method[:, -1] - method[:, 0]).mean())
    if claim is not None and claim.expected is not None:
        deviation = method - claim.expected
    elif line.get("baseline") is not None:
        deviation = method - np.asarray(line["baseline"], dtype=np.float64)
    elif line.get("interval") is not None:              # the middle of a t interval is the mean
        return float(np.mean(line["interval"]))
    else:
        return None
    if line["kind"] == "exact":
        return float(deviation[np.abs(deviation).argmax()])
    return float(deviation.mean())


def difference_label(claim: Claim) -> str:
    """Return what is subtracted from what."""
    if claim.kind == "monotone_in":
        return "Change, first level to last"
    other = number(claim.expected) if claim.expected is not None else "baseline"
    label = f"Difference, method − {other}"
    return label + (" (negative is better)" if claim.measure.lower_is_better else "")


def paper_says(claim: Claim) -> str:
    """Return the paper's numbers as printed, and where they stand."""
    said = []
    for arm in ("method", "baseline"):
        printed = getattr(claim.paper, arm)
        if printed == "unknown":
            said.append(f"{arm} unknown")
        elif printed is not None:
            said.append(f"{arm} {printed:g}")
    return f"{', '.join(said) or 'no number'} ({claim.paper.where})"


def verdict(word: str) -> str:
    """Return the verdict with its mark."""
    return f"{MARKS[word]} {word}"
