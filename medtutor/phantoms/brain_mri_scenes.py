"""Scenes of the brain phantom: whose head, how it lies, what is ill in it, and which scanner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from medtutor.phantoms.brain_mri_physics import SCANNERS, TISSUE_GADOLINIUM, TISSUES
from medtutor.phantoms.brain_mri_template import template

KINDS = ("none", "tumour", "ms")
PLANES = ("axial", "coronal", "sagittal", "volume")
SLICES = {"axial": (-46.0, 12.0), "coronal": (-40.0, 45.0), "sagittal": (-38.0, 38.0)}  # mm
MODES = 12
SHADES = 9
MOST_MS = 14
ENHANCES = 0.05  # mM: a tumour with this much agent or more counts as enhancing


@dataclass(frozen=True)
class BrainScenes:
    """What is in front of the scanner: two tables to read, change and render again.

    Everything is drawn for every image, also what its `kind` leaves unused: set `kind` to "none"
    and the tumour is gone from the same head, to "tumour" and it is the one that would have been.

    Attributes:
        factors: a row an image, indexed by its number.
            `kind` ("none", "tumour", "ms"), `site` (a name of SCANNERS), `slice_mm`;
            pose: `scale`, `pitch_deg`, `roll_deg`, `yaw_deg`, `shift_z_mm`, `shift_y_mm`,
            `shift_x_mm`; shape: `mode_1`.. (scores of chapter 03's vibrational modes),
            `atrophy` (log odds of CSF), `skull_mm`, `scalp_mm`; tissue: `grey_t1_ms`,
            `white_t1_ms`; scanner: `noise`, `bias`, `shade_1`..;
            the tumour: place `tumour_z`, `tumour_y`, `tumour_x` in mm of the average head,
            `tumour_radius_mm`, `tumour_stretch_z`.., `tumour_wobble` (share of the radius),
            `tumour_edge_mm`, `tumour_necrosis` (radius of the core as a share of the tumour's),
            `tumour_oedema_mm` (reach), `tumour_mass` (share of the radius that pushed brain away),
            `tumour_gadolinium_mmol_l` (in the solid part), `tumour_t1_ms`,
            `tumour_t2_ms`, `oedema_t2_ms`; `p_high` and `grade` ("high", "low");
            `ms_gadolinium_mmol_l` of active MS lesions; `spots`, how many white-matter lesions of
            age a head without MS has (the first of `ms`, not active);
            `fold_seed`, `tumour_seed`, `noise_seed`: of what is too much for a table.
        ms: a row an MS lesion: `image`, `lesion`, `z`, `y`, `x`, `radius_mm`, `stretch_z`..,
            `active` (takes up the agent).
        plane: "axial", "coronal", "sagittal" or "volume".
    """

    factors: pd.DataFrame
    ms: pd.DataFrame
    plane: str

    def __len__(self) -> int:
        return len(self.factors)

    def changed(self, **columns: object) -> BrainScenes:
        """The same scenes with some columns of `factors` replaced, for "what if"."""
        if wrong := sorted(set(columns) - set(self.factors)):
            raise ValueError(f"factors have no column {wrong}; there are {list(self.factors)}")
        return replace(self, factors=self.factors.assign(**columns))


def draw_brain_mri(
    count: int,
    *,
    plane: str = "axial",
    kinds: Mapping[str, float] | None = None,
    sites: Sequence[str] = ("a",),
    radius: Sequence[float] = (10.0, 32.0),
    deform: float = 2.0,
    seed: int = 0,
    first: int = 0,
) -> BrainScenes:
    """Draw heads, healthy and ill.

    A tumour's grade depends on what is seen of it, with noise that no image removes. With a
    concentration C of contrast agent, the core's share n of the radius and e mm of oedema:

        log odds of high grade = -3.2 + 5 C / (C + 0.1 mM) + 1.5 n + 0.05 e

    `p_high` holds that probability, so the Bayes rate given the factors is the mean of
    max(p, 1 - p). All rates are choices: 6 of 10 tumours enhance, of these 7 of 10 have a core, of
    the others 3 of 10. MS lesions crowd around the ventricles, 3 to 14 in or near the slice; 15 of
    100 take up the agent. Heads without MS have 0 to 3 spots of the same kind, as ageing leaves.

    The same seed gives the same scenes, and image i does not depend on `count`.

    Args:
        count: number of images.
        plane: "axial", "coronal" or "sagittal" slices, or "volume".
        kinds: probability of each of "none", "tumour" and "ms"; default 0.25, 0.5, 0.25.
        sites: scanners in use, each as likely as the others.
        radius: least and most radius of a tumour, in mm; small ones are as frequent as large ones
            are on a logarithmic scale.
        deform: root-mean-square displacement by the modes along an axis, in mm.
        seed: of the sample.
        first: number of the first image.

    Raises:
        ValueError: an argument out of range.
        DatasetAbsent: nilearn, which holds the maps, is not installed.
    """
    chances = _check(count, plane, kinds, sites, radius, deform)
    rows, lesions = [], []
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number))
        low, high = SLICES.get(plane, (0.0, 0.0))
        row = {
            "kind": str(rng.choice(KINDS, p=chances)),
            "site": str(sites[int(rng.integers(len(sites)))]),
            "slice_mm": float(rng.uniform(low, high)),
        }
        row |= _head(rng, deform)
        row |= {"noise": SCANNERS[row["site"]].noise * rng.lognormal(0, 0.15)}
        row |= {"bias": SCANNERS[row["site"]].bias * rng.lognormal(0, 0.25)}
        row |= {f"shade_{k + 1}": score for k, score in enumerate(_scores(rng, SHADES))}
        row |= _tumour(rng, plane, row["slice_mm"], radius)
        row |= {"ms_gadolinium_mmol_l": float(rng.uniform(0.06, 0.25))}
        row |= {"spots": min(int(rng.poisson(0.7)), 3)}
        seeds = rng.integers(2**31, size=3)
        row |= dict(zip(("fold_seed", "tumour_seed", "noise_seed"), seeds, strict=True))
        rows.append(row)
        lesions += [{"image": number} | one for one in _ms(rng, plane, row["slice_mm"])]
    index = pd.RangeIndex(first, first + count, name="image")
    return BrainScenes(pd.DataFrame(rows, index=index), pd.DataFrame(lesions), plane)


def _scores(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.clip(rng.normal(size=count), -2.5, 2.5)


def _head(rng: np.random.Generator, deform: float) -> dict[str, float]:
    grey, white = TISSUES["grey"].t1, TISSUES["white"].t1
    spread = dict(pitch_deg=4, roll_deg=2.5, yaw_deg=3, shift_z_mm=2, shift_y_mm=3, shift_x_mm=3)
    head = {"scale": float(np.clip(rng.normal(1.0, 0.03), 0.92, 1.07))}
    head |= {name: s * float(np.clip(rng.normal(), -2, 2)) for name, s in spread.items()}
    head |= {f"mode_{k + 1}": deform * score for k, score in enumerate(_scores(rng, MODES))}
    return head | {
        "atrophy": float(rng.normal(0.4, 0.8)),
        "skull_mm": float(np.clip(rng.normal(6.5, 1.0), 4, 9)),
        "scalp_mm": float(np.clip(rng.normal(5.5, 1.2), 3, 9)),
        "grey_t1_ms": grey * float(rng.lognormal(0, 0.03)),
        "white_t1_ms": white * float(rng.lognormal(0, 0.03)),
    }


def _tumour(
    rng: np.random.Generator, plane: str, level: float, radius: Sequence[float]
) -> dict[str, float | str]:
    """One tumour; every number is drawn whatever the others are, so that draws stay aligned."""
    size = float(np.exp(rng.uniform(*np.log(radius))))
    z, y, x = _place(rng, plane, level, 0.4 * size, np.ones(len(template().places)))
    enhances, core_u, core_share = rng.random() < 0.6, rng.random(), rng.uniform(0.4, 0.85)
    uptake = float(np.clip(rng.lognormal(np.log(0.14), 0.45), ENHANCES, 0.6))
    gadolinium = uptake if enhances else TISSUE_GADOLINIUM
    necrosis = core_share if core_u < (0.7 if enhances else 0.3) else 0.0
    oedema = float(min(rng.gamma(2.0) * (6.0 if enhances else 4.0), 30.0))
    odds = -3.2 + 5 * gadolinium / (gadolinium + 0.1) + 1.5 * necrosis + 0.05 * oedema
    chance = float(1 / (1 + np.exp(-odds)))
    stretch = np.exp(0.15 * np.clip(rng.normal(size=3), -2, 2))
    return {
        "tumour_z": z, "tumour_y": y, "tumour_x": x, "tumour_radius_mm": size,
        "tumour_stretch_z": stretch[0], "tumour_stretch_y": stretch[1],
        "tumour_stretch_x": stretch[2], "tumour_wobble": float(rng.uniform(0.05, 0.2)),
        "tumour_edge_mm": float(rng.uniform(1, 2) if enhances else rng.uniform(2, 6)),
        "tumour_necrosis": necrosis, "tumour_oedema_mm": oedema,
        "tumour_mass": float(rng.uniform(0.3, 0.9)), "tumour_gadolinium_mmol_l": gadolinium,
        "tumour_t1_ms": float(rng.uniform(1350, 1750)),
        "tumour_t2_ms": float(rng.uniform(170, 225)),
        "oedema_t2_ms": TISSUES["oedema"].t2 * float(rng.lognormal(0, 0.12)),
        "p_high": chance, "grade": "high" if rng.random() < chance else "low",
    }  # fmt: skip


def _ms(rng: np.random.Generator, plane: str, level: float) -> list[dict[str, float]]:
    near = np.exp(-template().to_ventricle / 7.0) + 0.08
    lesions = []
    for number in range(1, int(rng.integers(3, MOST_MS + 1)) + 1):
        size = float(np.clip(rng.lognormal(np.log(3.2), 0.4), 1.5, 8))
        z, y, x = _place(rng, plane, level, 0.5 * size, near)
        away = np.exp(0.25 * np.clip(rng.normal(size=3), -2, 2)) * (0.95, 0.9, 1.2)
        lesions.append({
            "lesion": number, "z": z, "y": y, "x": x, "radius_mm": size, "stretch_z": away[0],
            "stretch_y": away[1], "stretch_x": away[2],
            "active": bool(rng.random() < 0.15),
        })  # fmt: skip
    return lesions


def _place(
    rng: np.random.Generator, plane: str, level: float, reach: float, weight: np.ndarray
) -> tuple[float, float, float]:
    """A place in white matter within `reach` mm of the slice; in a volume, anywhere."""
    places = template().places
    if plane != "volume":
        away = np.abs(places[:, PLANES.index(plane)] - level)
        weight = weight * (away <= max(reach, away.min() + 1e-3))
    shares = np.cumsum(weight)
    row = int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))
    at = places[min(row, len(places) - 1)] + rng.uniform(-1.5, 1.5, size=3)
    return float(at[0]), float(at[1]), float(at[2])


def _check(
    count: int, plane: str, kinds: Mapping[str, float] | None, sites: Sequence[str],
    radius: Sequence[float], deform: float,
) -> list[float]:  # fmt: skip
    """Probabilities in the order of KINDS, after looking at every argument."""
    if count < 1:
        raise ValueError(f"count must be 1 or more; got {count}")
    if plane not in PLANES:
        raise ValueError(f"plane must be one of {PLANES}; got {plane!r}")
    if isinstance(sites, str) or not sites or set(sites) - set(SCANNERS):
        raise ValueError(f"sites must be some of {tuple(SCANNERS)}, as ('a', 'b'); got {sites!r}")
    if len(radius) != 2 or not 2 <= radius[0] <= radius[1] <= 45:
        raise ValueError(f"radius must be (least, most) from 2 to 45 mm; got {tuple(radius)}")
    if not 0 <= deform <= 4:
        raise ValueError(f"deform must be from 0 to 4 mm (more would fold the head); got {deform}")
    given = dict(kinds) if kinds is not None else {"none": 0.25, "tumour": 0.5, "ms": 0.25}
    chances = [float(given.get(kind, 0)) for kind in KINDS]
    if set(given) - set(KINDS) or min(chances) < 0 or abs(sum(chances) - 1) > 1e-6:
        raise ValueError(f"kinds must give probabilities of some of {KINDS} that sum to 1; "
                         f"got {given}")  # fmt: skip
    return chances
