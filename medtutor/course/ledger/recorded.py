"""A recorded claim as the notebook shows it, and as the runner reads it from the notebook."""

import html
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from medtutor.course.declaration.schema import Claim
from medtutor.course.ledger import wording
from medtutor.course.ledger.verdicts import Judgement
from medtutor.course.stats import sign_flip_p

CLAIM_MIME = "application/vnd.medtutor.claim+json"


@dataclass(frozen=True)
class Recorded:
    """A recorded claim. A notebook shows it as a small table; the runner reads its JSON form."""

    claim: Claim
    line: dict[str, Any]
    judgement: Judgement | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return str(self.line["verdict"])

    def facts(self) -> list[tuple[str, str]]:
        """Return what the table says, label and text, from paper to verdict."""
        measure, line = self.claim.measure, self.line
        facts = [("The paper says", wording.paper_says(self.claim))]
        if line["method"] is not None:
            facts.append((f"{measure.metric}, {measure.method}",
                          wording.mean_and_spread(line["method"])))
            if line["baseline"] is not None:
                facts.append((f"{measure.metric}, {measure.baseline}",
                              wording.mean_and_spread(line["baseline"])))
            text = wording.difference(line, self.claim)
            label = wording.difference_label(self.claim)
            facts.append((label + (", with 95 % interval" if line["interval"] else ""), text))
            if self.claim.kind == "better_than" and 2 <= len(line["seeds"]) <= 20:
                facts.append(("Labels swapped seed by seed", self._sign_flip()))
        facts.append(("Verdict", wording.verdict(self.verdict)))
        facts.append(("Because", str(line["reason"])))
        facts.append(("Data, profile", f"{line['dataset']}, {line['profile']}"))
        return facts

    def _sign_flip(self) -> str:
        """A second opinion without normality; the verdict rests on the interval."""
        pairs = zip(self.line["method"], self.line["baseline"], strict=True)
        p = sign_flip_p([ours - theirs for ours, theirs in pairs])
        seeds = len(self.line["seeds"])
        return f"exact p = {p:.2g} ({seeds} seeds can give {2 / 2**seeds:.2g} at best)"

    def __repr__(self) -> str:
        facts = self.facts()
        width = max(len(label) for label, _ in facts)
        rows = (f"  {label:<{width}}  {text}" for label, text in facts)
        return "\n".join([self.claim.says, *rows])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(label)}</th>'
            f'<td style="text-align:left">{html.escape(text)}</td></tr>'
            for label, text in self.facts()
        )
        caption = html.escape(f"Claim: {self.claim.says}")
        return (
            f'<table class="medtutor-claim"><caption style="text-align:left">{caption}</caption>'
            f"<tbody>{rows}</tbody></table>"
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            CLAIM_MIME: self.line,
        }
