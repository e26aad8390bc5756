"""The ledger of a chapter's run: claims go in with their values, verdicts come out computed."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from medtutor.course.chapter import Chapter, check_profile
from medtutor.course.declaration.explain import nearest
from medtutor.course.declaration.schema import Claim
from medtutor.course.ledger.lines import CASE_DIGITS, VALUE_DIGITS, Cases, Finding, significant
from medtutor.course.ledger.recorded import CLAIM_MIME, Recorded
from medtutor.course.ledger.verdicts import VERDICTS, Judgement, Verdict, judge
from medtutor.course.stats import Floats, finite

__all__ = ["CLAIM_MIME", "VERDICTS", "ClaimError", "Judgement", "Ledger", "Recorded", "Verdict",
           "judge"]


class ClaimError(ValueError):
    """A claim cannot be recorded as asked; the message says what was wanted and what to do."""


class Ledger:
    """Takes the measured values of one run of a chapter and judges its claims.

    Args:
        chapter: whose claims they are.
        profile: quick, lesson or full.
        dataset: ``"default"`` or one of the chapter's real sets.
        seeds: the seeds of the run, in the order of all values.
    """

    def __init__(
        self, chapter: Chapter, profile: str, dataset: str, seeds: Sequence[int]
    ) -> None:
        sets = ["default", *chapter.data.real]
        if dataset not in sets:
            raise ClaimError(
                f"dataset: wanted one of {', '.join(sets)}, given {dataset!r}"
                f"{nearest(dataset, sets)}"
            )
        self.seeds = [int(seed) for seed in seeds]
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ClaimError(
                f"seeds: wanted at least one, each once (a repeated seed is no new measurement), "
                f"given {self.seeds}"
            )
        self.chapter, self.profile, self.dataset = chapter, check_profile(profile), dataset
        self.recorded: dict[str, Recorded] = {}

    def applies(self, claim_id: str) -> bool:
        """Say whether a claim is meant for this run's data."""
        data = self._claim(claim_id).data
        return data is None or self.dataset in data

    def record(
        self,
        claim_id: str,
        method: ArrayLike,
        baseline: ArrayLike | None = None,
        *,
        method_cases: ArrayLike | None = None,
        baseline_cases: ArrayLike | None = None,
        levels: ArrayLike | None = None,
        same_cases: bool = True,
    ) -> Recorded:
        """Judge a claim and keep it; shown at the end of a cell, it is a table.

        Values are judged as they are kept, with six significant digits (cases with four), so that
        the verdict can be computed again from the line; ``exact`` is judged in full precision.

        Args:
            claim_id: its id in ``chapter.yml``.
            method: (S,), one value a seed; for monotone_in (S, L), one a seed and level.
            baseline: (S,), paired with ``method`` by seed.
            method_cases: (S, C), values per test case, whose mean over C is ``method``.
            baseline_cases: (S, C), of the same cases.
            levels: (L,), the knob's values, increasing; for monotone_in only.
            same_cases: False where each seed has test cases of its own.

        Raises:
            ClaimError: an unknown claim, one that is not meant for this data, another count of
                values than seeds, values that are not finite, or a second, different record.
        """
        claim = self._claim(claim_id)
        if not self.applies(claim_id):
            raise ClaimError(
                f"claim {claim_id!r} is meant for {', '.join(claim.data or [])}, this run has "
                f"{self.dataset!r}: ask ledger.applies({claim_id!r}) first, or "
                f"ledger.not_run({claim_id!r}, because=...)"
            )
        try:
            values = self._rows(method, "method")
            against = None if baseline is None else self._rows(baseline, "baseline")
            cases = None if method_cases is None else self._rows(method_cases, "method_cases")
            case_baseline = (
                None if baseline_cases is None else self._rows(baseline_cases, "baseline_cases")
            )
            knob = None if levels is None else finite(levels, "levels", 1)
            if claim.kind != "exact":       # judged as kept: whoever reads the line can judge again
                values, against = _kept(values), _kept(against)
                cases = _kept(cases, CASE_DIGITS)
                case_baseline = _kept(case_baseline, CASE_DIGITS)
            found = judge(
                claim, self.profile, values, against, method_cases=cases,
                baseline_cases=case_baseline, levels=knob, same_cases=same_cases,
            )
        except ValueError as error:
            raise ClaimError(f"claim {claim_id!r}: {error}") from None
        finding = Finding(
            **self._run(claim),
            method=significant(values),
            baseline=None if against is None else significant(against),
            interval=None if found.interval is None else significant(found.interval),
            verdict=found.verdict,
            cases=_case_values(cases, case_baseline, same_cases),
            levels=None if knob is None else significant(knob),
            reason=found.why,
        )
        return self._keep(claim, found, finding)

    def not_run(self, claim_id: str, because: str) -> Recorded:
        """Record that a claim was not measured in this run, and why."""
        claim = self._claim(claim_id)
        if not because.strip():
            raise ClaimError(f"claim {claim_id!r}: because: wanted a reason, given nothing")
        return self._keep(claim, None, Finding(
            **self._run(claim), method=None, baseline=None, interval=None,
            verdict="not run", reason=because,
        ))

    def open(self) -> list[str]:
        """Return the ids of the claims that nothing was recorded for yet."""
        return [claim.id for claim in self.chapter.claims if claim.id not in self.recorded]

    def _claim(self, claim_id: str) -> Claim:
        known = {claim.id: claim for claim in self.chapter.claims}
        if claim_id not in known:
            raise ClaimError(
                f"claim: wanted one of {', '.join(known) or '(the chapter has none)'} "
                f"(chapter.yml of {self.chapter.name}), given {claim_id!r}"
                f"{nearest(claim_id, known)}"
            )
        return known[claim_id]

    def _rows(self, given: ArrayLike, name: str) -> Floats:
        array = finite(given, name)
        if array.ndim == 0 or len(array) != len(self.seeds):
            count = len(array) if array.ndim else "a single number"
            raise ValueError(
                f"{name}: wanted {len(self.seeds)} values or rows, one for each of the seeds "
                f"{self.seeds}, given {count}"
            )
        return array

    def _run(self, claim: Claim) -> dict[str, Any]:
        return {"chapter": self.chapter.name, "claim": claim.id, "kind": claim.kind,
                "profile": self.profile, "dataset": self.dataset, "seeds": self.seeds}

    def _keep(self, claim: Claim, judgement: Judgement | None, finding: Finding) -> Recorded:
        optional = {k for k in ("cases", "levels") if getattr(finding, k) is None}
        line = finding.model_dump(mode="json", exclude=optional)
        before = self.recorded.get(claim.id)
        if before is not None and before.line != line:
            raise ClaimError(
                f"claim {claim.id!r} was recorded before with other values or another verdict "
                f"({before.verdict}, now {finding.verdict}): a run records each claim once. To "
                "measure again, make a new ledger (run the cell with chapter.ledger(...) again)"
            )
        self.recorded[claim.id] = Recorded(claim, line, judgement)
        return self.recorded[claim.id]


@overload
def _kept(values: Floats, digits: int = VALUE_DIGITS) -> Floats: ...


@overload
def _kept(values: Floats | None, digits: int = VALUE_DIGITS) -> Floats | None: ...


def _kept(values: Floats | None, digits: int = VALUE_DIGITS) -> Floats | None:
    return None if values is None else np.asarray(significant(values, digits))


def _case_values(method: Floats | None, baseline: Floats | None, same: bool) -> Cases | None:
    if method is None:
        return None
    against = None if baseline is None else significant(baseline, CASE_DIGITS)
    return Cases(method=significant(method, CASE_DIGITS), baseline=against, same=same)
