"""MedMNIST: eighteen sets of small standardised images, 28 to 224 pixels, in one npz file each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.checksums import differs
from medtutor.datasets.classified import ClassArrays
from medtutor.datasets.finished import read_marker
from medtutor.datasets.labelled_set import PARTS, LabelledSet
from medtutor.datasets.medmnist_members import LARGER, MEMBERS, SMALL, Member
from medtutor.datasets.npz_images import NpzImages
from medtutor.datasets.registry import facts

THEIRS = {"train": "train", "valid": "val", "test": "test"}
HASHED_AT_ONCE = 300_000_000
"""Files up to this size are hashed when they are opened (0.3 s for 100 MB)."""


class Source(NamedTuple):
    """One file: a member at one size."""

    stem: str
    member: str
    size: int
    images: NpzImages
    first_class: int
    """What is added to its labels, where several members are open."""

    @property
    def about(self) -> Member:
        """Its classes, counts and channels."""
        return MEMBERS[self.member]


class MedMnist(LabelledSet[Case]):
    """The images of one member, or of all that are in the folder, in the owner's parts.

    Ids are file, part and number, as ``dermamnist/train/000012``. Images are (C, H, W), volumes
    (1, D, H, W), float32 in [0, 1]. With one member ``classes`` are its classes; with several each
    is named ``member: class``. In chestmnist several findings can be present: its images have no
    label, ``metadata["findings"]`` names them.

    The files must be the owner's, of medmnist 3.0.2: the numbers of images are compared, and the
    checksum where the file was not put there by ``medtutor data get`` (of files above 300 MB only
    the numbers). Another file is refused, unless ``official=False`` opens it as what it is: then
    ``repr`` and ``metadata["official"]`` say so.

    Lesions and patients are not named in these files. DermaMNIST comes from HAM10000 and was
    divided by image: images of one lesion stand on both sides of its split.

    Args:
        root: the folder that holds the npz files; found through ``$MEDTUTOR_DATA`` by default.
        member: one of them, as ``pneumoniamnist``; all that are there by default.
        official: False also takes files that are not the owner's.

    Raises:
        DatasetAbsent: none is on this machine; the message says how to get it.
        DatasetDamaged: a file is not there, cannot be read, or is not the owner's.
    """

    name = "medmnist"
    sizes: ClassVar[tuple[int, ...]] = (SMALL,)

    def __init__(
        self, root: str | Path | None = None, member: str | None = None, *, official: bool = True
    ):
        if member is not None and member not in MEMBERS:
            raise ValueError(f"member wants one of {', '.join(MEMBERS)}; given {member!r}")
        self._member, self._only_official = member, official
        super().__init__(root)

    def _open(self) -> None:
        self.ids, self.labels, self.official = [], {}, {}
        self.sources: dict[str, Source] = {}
        classes: list[tuple[str, str]] = []
        for stem, member, size in self._stems():
            images = NpzImages(self.root / f"{stem}.npz", self.fix)
            self.sources[stem] = Source(stem, member, size, images, len(classes))
            if not MEMBERS[member].findings:
                classes += [(stem, name) for name in MEMBERS[member].classes]
        several = len(self.sources) > 1
        named = [f"{stem}: {name}" if several else name for stem, name in classes]
        self.classes = tuple(named)  # type: ignore[misc]
        for source in self.sources.values():
            self._take(source)
        if self._only_official and self.altered:
            path = self.root / f"{self.altered[0]}.npz"
            self.damaged(path, f"its checksum is not that of the owner's file ({self._open_it})")

    def _stems(self) -> list[tuple[str, str, int]]:
        """File, member and size of those that are wanted and here."""
        sizes = {"" if size == SMALL else f"_{size}": size for size in self.sizes}
        found = []
        for path in sorted(self.root.glob("*.npz")):
            match = re.fullmatch(r"([a-z]+mnist(?:3d)?)(_\d+)?", path.stem)
            if match and match[1] in MEMBERS and (match[2] or "") in sizes:
                found.append((path.stem, match[1], sizes[match[2] or ""]))
        if self._member is None:
            return found
        mine = [entry for entry in found if entry[1] == self._member]
        if not mine:
            endings = " or ".join(f"{self._member}{ending}.npz" for ending in sizes)
            only = "" if self.sizes == (SMALL,) else f"_{self.sizes[0]}"
            self.damaged(
                self.root,
                f"wanted {endings}, not there (medtutor data get {self.name} --only "
                f"{self._member}{only})",
            )
        return mine

    def _take(self, source: Source) -> None:
        """Ids, parts and labels of a file; its images stay packed."""
        about, path = source.about, source.images.path
        stored = source.images.stored()
        pixels = (source.size,) * about.spatial + ((3,) if about.channels == 3 else ())
        for part, count in zip(PARTS, about.counts, strict=True):
            images, labels = f"{THEIRS[part]}_images", f"{THEIRS[part]}_labels"
            if missing := [name for name in (images, labels) if name not in stored]:
                self.damaged(path, f"no array {missing[0]}")
            shape, dtype = stored[images]
            if shape[1:] != pixels or dtype != np.uint8:
                self.damaged(
                    path, f"{images} wanted N x {pixels} of uint8, found {shape} of {dtype}"
                )
            if self._only_official and shape[0] != count:
                self.damaged(
                    path, f"{count} {part} images wanted, found {shape[0]} ({self._open_it})"
                )
            self._take_labels(source, part, shape[0], labels)

    def _take_labels(self, source: Source, part: str, count: int, array: str) -> None:
        values = np.array(source.images.whole(array))
        wide = len(source.about.classes) if source.about.findings else 1
        top = 1 if source.about.findings else len(source.about.classes) - 1
        path = source.images.path
        if values.shape != (count, wide):
            self.damaged(path, f"{array} wanted {(count, wide)}, found {values.shape}")
        if values.size and not (values.min() >= 0 and values.max() <= top):
            self.damaged(path, f"{array} wanted 0 to {top}, found {values.min()} to {values.max()}")
        names = [f"{source.stem}/{part}/{k:06d}" for k in range(count)]
        self.ids += names
        self.official |= dict.fromkeys(names, part)
        if not source.about.findings:
            numbers = (values[:, 0].astype(int) + source.first_class).tolist()
            self.labels |= dict(zip(names, numbers, strict=True))

    @cached_property
    def altered(self) -> list[str]:
        """Files that are not the owner's: by the numbers of images, or by the checksum."""
        marked = (read_marker(self.root) or {}).get("files", {})
        digests = {file.name: file.digest for file in facts(self.name).files}
        found = []
        for stem, source in self.sources.items():
            path = source.images.path
            stored = source.images.stored()
            here = tuple(stored[f"{THEIRS[part]}_images"].shape[0] for part in PARTS)
            digest = digests.get(path.name)
            unseen = digest and marked.get(path.name) != digest
            if here != source.about.counts or (
                unseen and path.stat().st_size <= HASHED_AT_ONCE and differs(path, str(digest))
            ):
                found.append(stem)
        return found

    @property
    def _open_it(self) -> str:
        return f"to open it as what it is: {type(self).__name__}(folder, official=False)"

    def _as_many_as_announced(self) -> None:
        if self._member is None and set(self.sizes) == set(type(self).sizes):
            super()._as_many_as_announced()

    def _place(self, name: str) -> tuple[Source, str, int]:
        stem, part, number = name.split("/")
        return self.sources[stem], part, int(number)

    def _read(self, name: str) -> Case:
        source, part, number = self._place(name)
        known: dict[str, object] = {"member": source.member, "licence": source.about.licence}
        if source.about.findings:
            marks = source.images.whole(f"{THEIRS[part]}_labels")[number]
            known["findings"] = tuple(
                what for what, mark in zip(source.about.classes, marks, strict=True) if mark
            )
        return Case(
            id=name,
            image=self._pixels(source, part, [number])[0],
            label=self.labels.get(name),
            metadata=known | {"official": source.stem not in self.altered},
            split=part,
        )

    def _pixels(self, source: Source, part: str, numbers: list[int]) -> NDArray[np.float32]:
        """(N, C, *S) in [0, 1]."""
        stored = source.images.whole(f"{THEIRS[part]}_images")
        values = stored[numbers].astype(np.float32) / 255
        if source.about.channels == 3:
            return np.ascontiguousarray(np.moveaxis(values, -1, 1))
        return values[:, None]

    def labelled(self, ids: Iterable[str] | None = None) -> ClassArrays:
        """Images and classes as arrays, at the size that the files have.

        Args:
            ids: which, in this order, all of one shape; by default all that have a class, which can
                be large: the 28-pixel training images of pathmnist take 0.8 GB.

        Returns:
            images (N, C, *S) float32 in [0, 1], labels (N,) int64, ids.
        """
        names = [n for n in self.ids if n in self.labels] if ids is None else list(ids)
        if alone := [name for name in names if name not in self.labels]:
            raise ValueError(f"{alone[0]} has no class; leave it out of ids")
        places = [self._place(name) for name in names]
        shapes = {(s.size, s.about.channels, s.about.spatial) for s, _, _ in places}
        if len(shapes) != 1:
            raise ValueError(f"images of one shape wanted, found {len(shapes)}: choose one member")
        size, channels, spatial = shapes.pop()
        images = np.empty((len(names), channels, *(size,) * spatial), np.float32)
        rows: dict[tuple[str, str], list[int]] = {}
        for row, (source, part, _) in enumerate(places):
            rows.setdefault((source.stem, part), []).append(row)
        for (stem, part), mine in rows.items():
            for start in range(0, len(mine), 4096):
                block = mine[start : start + 4096]
                numbers = [places[row][2] for row in block]
                images[block] = self._pixels(self.sources[stem], part, numbers)
        return ClassArrays(images, np.array([self.labels[n] for n in names], np.int64), names)

    def __repr__(self) -> str:
        note = f"\n  NOT the owner's files: {', '.join(self.altered)}" if self.altered else ""
        return super().__repr__() + note


class MedMnistPlus(MedMnist):
    """MedMNIST+: the same members at 64, 128 and 224 pixels (volumes at 64).

    Args:
        root: the folder that holds the npz files; found through ``$MEDTUTOR_DATA`` by default.
        member: one of them, as ``pneumoniamnist``; all that are there by default.
        size: 64, 128 or 224; all that are there by default.
        official: False also takes files that are not the owner's.
    """

    name = "medmnist_plus"
    sizes = LARGER

    def __init__(
        self,
        root: str | Path | None = None,
        member: str | None = None,
        size: int | None = None,
        *,
        official: bool = True,
    ):
        if size is not None and size not in LARGER:
            raise ValueError(f"size wants one of {LARGER}, given {size}; 28 is in MedMnist")
        if size is not None:
            self.sizes = (size,)  # type: ignore[misc]
        super().__init__(root, member, official=official)
