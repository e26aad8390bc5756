"""What the sets of fundus photographs share: vessels drawn by hand, and the field of view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.case import Case
from medtutor.datasets.pictures import PictureSet, read_mask, read_picture


class FundusSet(PictureSet):
    """Photographs of the retina; the mask is 1 in vessels.

    ``metadata["field_of_view"]`` is (H, W) Booleans, true where the camera sees the retina, or
    None where the copy has none: vessels are scored inside it. A reader fills the four tables of
    id -> file in ``_open``.
    """

    _photographs: dict[str, Path]
    _vessels: dict[str, Path]
    _fields: dict[str, Path]
    _second: dict[str, Path]
    """The vessels once more, drawn by a second observer."""

    def _paired(
        self, where: Path, photographs: Mapping[str, Path], drawn: Mapping[str, Path]
    ) -> None:
        """Raise where a photograph lacks its drawing, or the reverse."""
        if alone := sorted(set(photographs) ^ set(drawn)):
            said = ", ".join(alone[:5])
            self.damaged(where, f"photographs and drawings do not pair; alone: {said}")

    def _read(self, name: str) -> Case:
        image = read_picture(self._photographs[name], self.fix)

        def drawn(files: Mapping[str, Path]) -> NDArray[np.int64] | None:
            path = files.get(name)
            return None if path is None else read_mask(path, self.fix, image.shape[1:])

        field = drawn(self._fields)
        known: dict[str, Any] = {"field_of_view": None if field is None else field.astype(bool)}
        if self._second:
            known["second_observer"] = drawn(self._second)
        return Case(
            id=name,
            image=image,
            mask=drawn(self._vessels),
            label=self.labels.get(name),
            metadata=known,
            split=self.official.get(name),
        )
