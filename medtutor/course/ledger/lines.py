"""The line that a measured claim leaves in ``book/results``: its keys, and how numbers are kept."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from medtutor.course.declaration.schema import Kind, Profile
from medtutor.course.ledger.verdicts import Verdict

VALUE_DIGITS = 6            # significant digits: beyond what another machine repeats
CASE_DIGITS = 4
Values = list[float] | list[list[float]]
CaseValues = list[list[float]] | list[list[list[float]]]


class Cases(BaseModel):
    """Values per test case: rows are seeds (and levels), columns cases."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    method: CaseValues
    baseline: CaseValues | None = None
    same: bool = True


class Finding(BaseModel):
    """What the notebook knows when it records a claim.

    ``interval`` is that of the paired difference method minus baseline (monotone_in: last level
    minus first); ``reason`` says why the verdict is what it is, or why the claim was not run.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    chapter: str
    claim: str
    kind: Kind
    profile: Profile
    dataset: str
    seeds: list[int]
    method: Values | None
    baseline: Values | None
    interval: tuple[float, float] | None
    verdict: Verdict
    cases: Cases | None = None
    levels: list[float] | None = None
    reason: str | None = None


class Line(Finding):
    """A line of ``book/results/<chapter>.jsonl``: a finding, and the run that made it."""

    versions: dict[str, str]
    device: str
    seconds: float = Field(ge=0)
    peak_memory_gb: float = Field(ge=0)
    source_hash: str
    date: str


def significant(values: Any, digits: int = VALUE_DIGITS) -> Any:
    """Return numbers as plain floats with so many significant digits; nested ones as lists."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list | tuple):
        return [significant(value, digits) for value in values]
    return float(f"{float(values):.{digits}g}") + 0.0
