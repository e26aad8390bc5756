"""The committed measurements: JSON lines, one file a chapter, read, replaced, compared."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medtutor.course.chapter import Chapter
from medtutor.course.declaration.schema import PROFILES
from medtutor.course.ledger.lines import CASE_DIGITS, Finding, Line, significant
from medtutor.course.ledger.recorded import CLAIM_MIME
from medtutor.course.ledger.results_lock import one_writer
from medtutor.course.ledger.source_hash import source_hash
from medtutor.course.ledger.verdicts import judge
from medtutor.course.paths import shown
from medtutor.course.writing import NotWritten, replace_text

__all__ = ["BadResults", "NotWritten", "VerdictChanged", "best_lines", "harvest", "is_stale",
           "read", "read_file", "source_hash", "write_lines"]
_OPTIONAL = ("cases", "levels", "reason")


class BadResults(ValueError):
    """A results file or a recorded claim is not what it should be; the message says where."""


class VerdictChanged(ValueError):
    """A lesson or full run turned a recorded verdict: a failure until someone has looked."""


def harvest(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what an executed notebook recorded, in the order of its cells.

    Each is a line without the keys of the run (versions, device, seconds, peak_memory_gb,
    source_hash, date), which the runner adds.

    Args:
        notebook: a notebook as nbformat reads it.

    Raises:
        BadResults: a recorded claim that does not have its form, or one recorded twice differently.
    """
    found: dict[str, dict[str, Any]] = {}
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            if CLAIM_MIME not in output.get("data", {}):
                continue
            where = f"cell {index}"
            line = _checked(json.loads(json.dumps(output["data"][CLAIM_MIME])), Finding, where)
            if found.setdefault(line["claim"], line) != line:
                raise BadResults(
                    f"{where}: claim {line['claim']!r} was recorded before with other values: a "
                    "run records each claim once"
                )
    return list(found.values())


def read(folder: Path) -> list[dict[str, Any]]:
    """Return all lines of a results folder, by file name; none where there is no such folder.

    Raises:
        BadResults: a line that cannot be read; the message names file and line.
    """
    return [line for file in sorted(Path(folder).glob("*.jsonl")) for line in read_file(file)]


def read_file(path: Path) -> list[dict[str, Any]]:
    """Return the lines of one results file, none where it does not exist."""
    path = Path(path)
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    seen: dict[tuple[str, str, str], int] = {}
    for count, text in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not text.strip():
            continue
        where = f"{shown(path)}:{count}"
        try:
            content = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
        except ValueError as error:
            raise BadResults(
                f"{where}: wanted one JSON object, given {text[:40].decode('utf-8', 'replace')!r} "
                f"({error}): restore the line from git, or delete it and run the chapter again"
            ) from None
        line = _checked(content, Line, where)
        if (key := _key(line)) in seen:
            raise BadResults(
                f"{where}: wanted each claim once a profile and data set, given "
                f"{', '.join(key)} again (line {seen[key]}): delete the older line"
            )
        seen[key] = count
        lines.append(line)
    return lines


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]], *, accept: bool = False) -> None:
    """Put lines into a results file; a line of the same claim, profile and data set is replaced.

    The file is locked against other writers and renamed into its place, whole or not at all.

    Args:
        path: ``book/results/<chapter>.jsonl``.
        lines: complete lines; values are rounded to six significant digits, cases to four.
        accept: write although a lesson or full verdict changed.

    Raises:
        BadResults: a line without its form, or a file that cannot be read (it is left alone).
        VerdictChanged: a lesson or full run turned a verdict. The file is left alone; what it would
            have become stands beside it as ``<path>.new``.
        NotWritten: full disk or the like; the file is left alone.
    """
    path = Path(path)
    new = [_checked(_rounded(line), Line, f"claim {line.get('claim')!r}") for line in lines]
    with one_writer(path):
        merged = {_key(line): line for line in read_file(path)}
        turned = []
        for line in new:
            old = merged.get(_key(line))
            if old is not None and _turned(old, line):
                turned.append(
                    f"{line['claim']} ({line['profile']}, {line['dataset']}): was "
                    f"{old['verdict']} on {old['date']}, now {line['verdict']}"
                )
            merged[_key(line)] = line
        text = "".join(_text(line) for _, line in sorted(merged.items(), key=_order))
        aside = path.with_name(path.name + ".new")
        if turned and not accept:
            replace_text(aside, text)
            raise VerdictChanged(
                f"{shown(path)}: a recorded verdict changed, nothing was replaced.\n  "
                + "\n  ".join(turned)
                + f"\nLook why. To accept: mv {shown(aside)} {shown(path)}, or run again with "
                "--accept"
            )
        replace_text(path, text)
        aside.unlink(missing_ok=True)


def is_stale(line: Mapping[str, Any], chapter: Chapter) -> bool:
    """Say whether a line no longer fits its chapter.

    It does not when notebook or method changed (``source_hash``), when the claim is gone, or when
    the claim's rule in ``chapter.yml`` (kind, margin, expected number) now gives another verdict.
    (Not for ``exact``: the line's six digits are fewer than it was judged by.)
    """
    claims = {claim.id: claim for claim in chapter.claims}
    claim = claims.get(line["claim"])
    if claim is None or claim.kind != line["kind"] or line["source_hash"] != source_hash(chapter):
        return True
    if line["verdict"] == "not run" or line["kind"] == "exact":
        return False
    cases = line.get("cases") or {}
    try:
        again = judge(
            claim, line["profile"], line["method"], line["baseline"],
            method_cases=cases.get("method"), baseline_cases=cases.get("baseline"),
            levels=line.get("levels"), same_cases=cases.get("same", True),
        )
    except ValueError:
        return True
    return bool(again.verdict != line["verdict"])


def best_lines(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one line a chapter, claim and data set.

    Measured goes before not run, then the highest profile, then the newest.
    """
    best: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in lines:
        key = (line["chapter"], line["claim"], line["dataset"])
        if key not in best or _rank(line) >= _rank(best[key]):
            best[key] = dict(line)
    return [best[key] for key in sorted(best)]


def _rank(line: Mapping[str, Any]) -> tuple[bool, int, str]:
    return line["verdict"] != "not run", PROFILES.index(line["profile"]), line["date"]


def _turned(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """A verdict that was judged for the record is another now, or is not measured any more."""
    binding = new["profile"] in ("lesson", "full") and old["verdict"] != "not run"
    return binding and bool(old["verdict"] != new["verdict"])


def _checked(content: Any, model: type[Finding], where: str) -> dict[str, Any]:
    try:
        line = model.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(step) for step in fault['loc']) or 'line'}: {fault['msg']}, given "
            f"{str(fault['input'])[:40]}"
            for fault in error.errors(include_url=False)
        )
        raise BadResults(f"{where}: {faults}") from None
    absent = {key for key in _OPTIONAL if getattr(line, key) is None}
    return line.model_dump(mode="json", exclude=absent)


def _rounded(line: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(line)
    for key in ("method", "baseline", "interval", "levels", "seconds", "peak_memory_gb"):
        if kept.get(key) is not None:
            kept[key] = significant(kept[key])
    if kept.get("cases") is not None:
        kept["cases"] = {
            key: value if value is None or key == "same" else significant(value, CASE_DIGITS)
            for key, value in dict(kept["cases"]).items()
        }
    return kept


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n"


def _key(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["claim"], line["profile"], line["dataset"]


def _order(item: tuple[tuple[str, str, str], Any]) -> tuple[str, str, int]:
    claim, profile, dataset = item[0]
    return claim, dataset, [str(known) for known in PROFILES].index(profile)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
