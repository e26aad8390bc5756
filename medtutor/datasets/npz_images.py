"""Images that lie compressed in an npz file, one at a time, without filling the memory."""

from __future__ import annotations

import math
import shutil
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from medtutor.datasets.places import DatasetDamaged

IN_MEMORY = 256 * 2**20
LITTLE = 8 * 2**20
KEPT = 3


class Stored(NamedTuple):
    """What an array in the file is, without reading it."""

    shape: tuple[int, ...]
    dtype: np.dtype


class NpzImages:
    """The arrays of an npz file: small ones are kept once they are unpacked, of others the last 3.

    A compressed array has to be unpacked whole before its last image can be seen. One of up to
    256 MB is held in memory; a larger one is unpacked into a nameless temporary file beside the npz
    (or in the system's temporary folder, where that is read-only) and mapped, so that the memory
    stays flat; the file goes with the process.

    Args:
        path: the file.
        what_to_do: said where it is damaged.
    """

    def __init__(self, path: Path, what_to_do: str):
        self.path, self.what_to_do = path, what_to_do
        self._kept: OrderedDict[str, NDArray] = OrderedDict()
        self._little: dict[str, NDArray] = {}

    def __getstate__(self) -> dict:
        # A worker process unpacks for itself.
        return {**self.__dict__, "_kept": OrderedDict(), "_little": {}}

    def stored(self) -> dict[str, Stored]:
        """Name -> shape and type of each array, from the first bytes of each."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
                found = {}
                for name in names:
                    with archive.open(f"{name}.npy") as file:
                        shape, _, dtype = _heading(file)
                    found[name] = Stored(shape, dtype)
                return found
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(error) from error

    def whole(self, name: str) -> NDArray:
        """One array, in memory or mapped; read-only."""
        if name in self._little:
            return self._little[name]
        if name not in self._kept:
            array = self._unpacked(name)
            if array.nbytes <= LITTLE:
                self._little[name] = array
                return array
            self._kept[name] = array
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    def _unpacked(self, name: str) -> NDArray:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{name}.npy") as file:
                shape, fortran, dtype = _heading(file)
                if dtype.hasobject:
                    raise ValueError(f"{name} holds Python objects, not numbers")
                if math.prod(shape) * dtype.itemsize <= IN_MEMORY:
                    values = np.frombuffer(file.read(), dtype)
                    return values.reshape(shape, order="F" if fortran else "C")
                with self._scratch() as scratch:
                    shutil.copyfileobj(file, scratch, 2**22)
                    scratch.flush()
                    order = "F" if fortran else "C"
                    return np.memmap(scratch, dtype, "r", shape=shape, order=order)
        except KeyError as error:
            raise self._damaged(f"no array {name}") from error
        except (EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(error) from error

    def _scratch(self) -> IO[bytes]:
        try:
            return tempfile.TemporaryFile(dir=self.path.parent)
        except OSError:
            return tempfile.TemporaryFile()

    def _damaged(self, error: Exception | str) -> DatasetDamaged:
        return DatasetDamaged(f"{self.path}: cannot be read as npz ({error}); {self.what_to_do}")


def _heading(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and type, of an array in npy format."""
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    return npy.read_array_header_2_0(file)
