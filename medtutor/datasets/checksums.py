"""Checksums with their algorithm in front, and lists of them as ``sha256sum`` writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

SUMS = "SHA256SUMS"


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """``algorithm:digest`` of a file, read in blocks."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def differs(path: Path, wanted: str) -> str | None:
    """What is found where a file has not the wanted ``algorithm:digest``; None where it has."""
    found = checksum(path, wanted.partition(":")[0])
    return None if found == wanted else found


def write_sums(place: Path, digests: dict[str, str]) -> None:
    """Write ``SHA256SUMS`` into a folder: names relative to it -> hexadecimal digest."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    (place / SUMS).write_text("".join(lines), encoding="utf-8")


def wrong_files(place: Path) -> Iterator[tuple[str, str]]:
    """For each file of a folder's ``SHA256SUMS``: its name and what is wrong, or "" if nothing."""
    for line in (place / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.strip().partition("  ")
        if not name:
            continue
        path = place / name
        if not path.is_file():
            yield name, "is missing"
        elif found := differs(path, f"sha256:{digest}"):
            yield name, f"wanted sha256:{digest}, found {found}"
        else:
            yield name, ""
