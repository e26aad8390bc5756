"""Reading MetaImage volumes: a text header (.mhd) and the file of voxels that it names."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtutor.datasets.places import DatasetDamaged

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_mhd(path: Path, what_to_do: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """A 3D volume with axes (X, Y, Z) as stored, and its affine to (right, anterior, superior) mm.

    The voxels lie beside the header, as they are (.raw) or deflated (.zraw). Vectors as voxels
    and voxels inside the header's file (.mha) are not read.

    Raises:
        DatasetDamaged: the header is no such header, or the voxels are not as it says.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        said = {k.strip(): v.strip() for k, _, v in (line.partition("=") for line in lines)}
        shape = tuple(int(n) for n in said["DimSize"].split())
        kind = np.dtype(TYPES[said["ElementType"]])
        voxels = path.parent / Path(said["ElementDataFile"].replace("\\", "/")).name
        matrix = _numbers(said, ("TransformMatrix", "Rotation", "Orientation"), np.eye(3).ravel())
        spacing = _numbers(said, ("ElementSpacing", "ElementSize"), np.ones(3))
        offset = _numbers(said, ("Offset", "Position", "Origin"), np.zeros(3))
        affine = np.eye(4)
        affine[:3, :3] = matrix.reshape(3, 3).T * spacing  # a row of the matrix is a voxel axis
        affine[:3, 3] = offset.reshape(3)
    except (OSError, ValueError, KeyError) as error:
        raise DatasetDamaged(
            f"{path}: cannot be read as a MetaImage header ({error!r}); {what_to_do}"
        ) from error
    if len(shape) != 3 or said.get("ElementNumberOfChannels", "1") != "1":
        raise DatasetDamaged(f"{path}: wanted a 3D volume, found DimSize {shape}; {what_to_do}")
    try:
        content = voxels.read_bytes()
        if said.get("CompressedData", "").lower() == "true":
            content = zlib.decompress(content)
    except (OSError, zlib.error) as error:
        raise DatasetDamaged(f"{voxels}: cannot be read ({error}); {what_to_do}") from error
    wanted = math.prod(shape) * kind.itemsize
    if len(content) != wanted:
        raise DatasetDamaged(
            f"{voxels}: {wanted} bytes wanted by {path.name}, found {len(content)}; {what_to_do}"
        )
    byte_order = said.get("BinaryDataByteOrderMSB", said.get("ElementByteOrderMSB", "False"))
    stored = kind.newbyteorder(">" if byte_order.lower() == "true" else "<")
    array = np.frombuffer(content, stored).astype(kind).reshape(shape, order="F")
    return array, LPS_TO_RAS @ affine


def _numbers(
    said: dict[str, str], names: tuple[str, ...], default: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The numbers under the first of the names that the header has."""
    found = next((said[name] for name in names if name in said), None)
    return default if found is None else np.array([float(n) for n in found.split()])
