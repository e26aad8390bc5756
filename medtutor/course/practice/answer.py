"""What `check` answers: one line when passed, else the smallest case that differs."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

Status = Literal["passed", "differs", "error", "not attempted"]
_CHEERS = (
    "Well done.",
    "Exactly.",
    "That is it.",
    "Right, to the last digit.",
    "Yes, and by your own hand.",
    "Correct. On to the next.",
)
_SIGNS = {"passed": "✓", "differs": "✗", "error": "✗", "not attempted": "○"}
# A coloured rule beside the text; the sign and the word say the same without colour.
_COLOURS = {
    "passed": "#009E73",
    "differs": "#D55E00",
    "error": "#D55E00",
    "not attempted": "#808080",
}


@dataclass(frozen=True)
class CheckResult:
    """The answer to one attempt.

    Attributes:
        name: the exercise's name.
        status: passed, differs, error (the attempt raised) or not attempted.
        cases: how many cases were run, when passed.
        case: the call that differs.
        mine: what the attempt returned.
        expected: what was expected.
        says: the difference in one sentence.
        hint: what to think about.
    """

    name: str
    status: Status
    cases: int = 0
    case: str | None = None
    mine: str | None = None
    expected: str | None = None
    says: str | None = None
    hint: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the attempt is right."""
        return self.status == "passed"

    def __bool__(self) -> bool:
        return self.passed

    @property
    def headline(self) -> str:
        """The answer in one line."""
        sign = _SIGNS[self.status]
        if self.status == "passed":
            cheer = _CHEERS[crc32(self.name.encode()) % len(_CHEERS)]
            counted = f" on {self.cases} cases" if self.cases > 1 else ""
            return f"{sign} {self.name}: passed{counted}. {cheer}"
        if self.status == "not attempted":
            return f"{sign} {self.name}: not attempted. Replace the ... above and run both cells."
        return f"{sign} {self.name}: not yet. {self.says or ''}".rstrip()

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What is known of the case that differs, as label and text."""
        found = (
            ("case", self.case),
            ("mine", self.mine),
            ("expected", self.expected),
            ("hint", self.hint),
        )
        return [(label, text) for label, text in found if text]

    def __repr__(self) -> str:
        lines = [self.headline]
        for label, text in self.rows:
            indented = text.replace("\n", "\n" + " " * 12)
            lines.append(f"  {label:<10}{indented}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = "".join(
            f'<dt style="font-weight:600">{label}</dt><dd style="margin:0">'
            + (html.escape(text) if label == "hint" else _code(text))
            + "</dd>"
            for label, text in self.rows
        )
        table = (
            '<dl style="display:grid;grid-template-columns:max-content minmax(0,1fr);'
            f'gap:.3rem 1rem;margin:.5rem 0 0">{rows}</dl>'
        )
        page = (
            f'<div class="medtutor-check" role="status" style="border-left:4px solid '
            f'{_COLOURS[self.status]};padding:.3rem .8rem;margin:.5rem 0">'
            f"{html.escape(self.headline)}{table if rows else ''}</div>"
        )
        return {"text/html": page, "text/plain": repr(self)}


def _code(text: str) -> str:
    return (
        '<code style="white-space:pre-wrap;overflow-wrap:anywhere;background:none;color:inherit;'
        f'border:0;padding:0">{html.escape(text)}</code>'
    )
