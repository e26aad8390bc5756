"""Outside data: found on this machine, read with checks, never downloaded behind one's back."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Facts": "registry",
    "facts": "registry",
    "all_facts": "registry",
    "Case": "case",
    "LabelledSet": "labelled_set",
    "open_set": "labelled_set",
    "DatasetAbsent": "places",
    "DatasetDamaged": "places",
    "data_root": "places",
    "folder": "places",
    "found": "places",
    "how_to_get": "places",
    "Scan": "scan",
    "load_mni152": "mni152",
    "MsdHippocampus": "msd_hippocampus",
    "MsdBrainTumour": "decathlon",
    "MsdProstate": "decathlon",
    "Brats": "brats",
    "Isles2022": "isles2022",
    "Ixi": "ixi",
    "VascuSynth": "vascusynth",
    "Exact09": "exact09",
    "Mni152": "mni152",
    "Busi": "busi",
    "Isic2016": "isic",
    "Isic2017": "isic",
    "Isic2018": "isic",
    "MedMnist": "medmnist",
    "MedMnistPlus": "medmnist",
    "Dermofit": "dermofit",
    "Derm7pt": "derm7pt",
    "Ph2": "ph2",
    "Ham10000": "ham10000",
    "Isic2018Task3": "ham10000",
    "Glas": "glas",
    "Dsb2018": "dsb2018",
    "Hrf": "hrf",
    "Drive": "drive",
    "ChestXray8": "chestxray8",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
