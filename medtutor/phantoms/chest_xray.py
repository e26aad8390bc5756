"""Phantom: frontal chest radiographs with opacities, their boxes, and shortcuts on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from medtutor.phantoms.chest_xray_opacities import KINDS, box, draw_opacity, path_length
from medtutor.phantoms.chest_xray_thorax import FIELD, draw_anatomy, thorax

__all__ = ["KINDS", "ChestScenes", "ChestXrays", "chest_xray", "draw_chests", "render_chests"]

# Linear attenuation at 80 keV in 1/cm: water and bone (hydroxyapatite of 1.8 g/ml) as calculated
# without Rayleigh scatter in a table of the Journal of Nuclear Medicine. Lung as water of a quarter
# of the density, fat as 0.92 of water: choices.
WATER, BONE = 0.18, 0.42
LUNG, FAT = 0.25 * WATER, 0.92 * WATER
BATCH = 2**20  # pixels at a time, so that memory stays small


@dataclass(frozen=True)
class ChestScenes:
    """People before the detector: tables to read, change and render again.

    Attributes:
        factors: a row an image, indexed by its number: the anatomy (cm, degrees), `disease` (0 or
            1), `marker` and `tube` (0 or 1: a letter in the corner, a line over the chest),
            `exposure` (relative), `scatter` (to primary, ratio), `contrast` of the display curve.
        opacities: a row an opacity: `image`, `opacity` (1, 2, ...), `kind`, `side` (-1 the
            patient's right), centre `x`, `y`, `radius` in cm, `filling`, `depth`, `grain`,
            `wobble_0`...
        seed: of the draw, from which the noise is drawn too.
    """

    factors: pd.DataFrame
    opacities: pd.DataFrame
    seed: int


@dataclass(frozen=True)
class ChestXrays:
    """Radiographs and their truth.

    Attributes:
        images: (N, 1, H, W) float32 in [0, 1], dense tissue bright, as radiologists look at it: the
            patient's right is at the left.
        labels: (N, K) int64, 1 where an opacity of `KINDS[k]` is in the image.
        masks: (N, H, W) float32, water-equivalent cm of opacity along each ray.
        scenes: the factors; here `scenes.opacities` also has its box as ChestX-ray8 gives boxes,
            `box_x`, `box_y`, `box_width`, `box_height` in pixels, -1 where nothing of it is seen.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    scenes: ChestScenes

    def __len__(self) -> int:
        return len(self.images)


def chest_xray(
    count: int,
    *,
    size: Sequence[int] = (64, 64),
    prevalence: float = 0.5,
    kinds: Sequence[str] = KINDS,
    marker: Sequence[float] = (0.0, 0.0),
    tube: Sequence[float] = (0.0, 0.0),
    quanta: float = 20_000.0,
    seed: int = 0,
    first: int = 0,
) -> ChestXrays:
    """Draw people and take their radiographs: `draw_chests`, then `render_chests`."""
    scenes = draw_chests(count, prevalence=prevalence, kinds=kinds, marker=marker, tube=tube,
                         seed=seed, first=first)  # fmt: skip
    return render_chests(scenes, size=size, quanta=quanta)


def draw_chests(
    count: int,
    *,
    prevalence: float = 0.5,
    kinds: Sequence[str] = KINDS,
    marker: Sequence[float] = (0.0, 0.0),
    tube: Sequence[float] = (0.0, 0.0),
    seed: int = 0,
    first: int = 0,
) -> ChestScenes:
    """Draw people, some with opacities in their lungs.

    The disease comes first (with chance `prevalence`), then a kind, evenly among `kinds`, then one
    opacity, or two with chance 1/3 (effusions: one). Anatomy does not depend on the disease. A
    marker or tube whose chance differs between healthy and ill is a shortcut for a classifier.

    The same seed gives the same people, and image i does not depend on `count`.

    Args:
        count: number of images.
        prevalence: share of the ill.
        kinds: of `KINDS`.
        marker: chance of a letter in the corner, for the healthy and for the ill.
        tube: chance of a line over the chest, for the healthy and for the ill.
        seed: of the sample.
        first: number of the first image.

    Raises:
        ValueError: an argument out of range.
    """
    _check(count, prevalence, kinds, marker=marker, tube=tube)
    people, found = [], []
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number, 0))
        person = draw_anatomy(rng)
        ill = int(rng.random() < prevalence)
        person |= {
            "disease": ill,
            "marker": int(rng.random() < marker[ill]),
            "tube": int(rng.random() < tube[ill]),
            "exposure": float(rng.lognormal(0, 0.25)),
            "scatter": float(rng.uniform(0.3, 0.9)),
            "contrast": float(rng.uniform(0.8, 1.25)),
        }
        people.append(person)
        kind = kinds[int(rng.integers(len(kinds)))]
        several = 2 if rng.random() < 1 / 3 and kind != "effusion" else 1
        for i in range(several if ill else 0):
            found.append({"image": number, "opacity": i + 1} | draw_opacity(rng, kind, person))
    index = pd.RangeIndex(first, first + count, name="image")
    columns = ["image", "opacity", "kind", "side", "x", "y", "radius", "filling", "depth", "grain"]
    table = pd.DataFrame(found, columns=None if found else columns)
    return ChestScenes(pd.DataFrame(people, index=index), table, seed)


def render_chests(
    scenes: ChestScenes, *, size: Sequence[int] = (64, 64), quanta: float = 20_000.0
) -> ChestXrays:
    """Take radiographs: attenuation, scatter, quanta, display.

        P = exp(-sum_k mu_k L_k)                      primary, Beer and Lambert, L_k by closed form
        T = (P + scatter * blur(P)) * letter          scatter: a smooth veil, blurred over 5 cm
        n ~ Poisson(quanta * exposure * T)            n / quanta of what falls on a pixel in air
        image = 1 / (1 + exp(-1.5 contrast (D - m) / s)),   D = -ln(n / (quanta exposure))

    with m and s the mean and standard deviation of D over the body, without noise and letter, as a
    scanner's automatic window finds them. The darkest and the lightest parts are pressed together,
    as by film.

    Departures: one energy instead of a spectrum, parallel rays, scatter as a blur of the primary.

    Args:
        scenes: of `draw_chests`; change its tables to ask what if, and render again.
        size: (H, W), at least 32.
        quanta: photons a pixel in air; infinity takes a picture without noise.
    """
    size = tuple(int(side) for side in size)
    if len(size) != 2 or min(size) < 32:
        raise ValueError(f"size must be (H, W) of at least 32 pixels each; got {size}")
    if not quanta > 0:
        raise ValueError(f"quanta must be above 0, photons a pixel; got {quanta}")
    people, count = scenes.factors, len(scenes.factors)
    images = np.empty((count, 1, *size), np.float32)
    masks = np.zeros((count, *size), np.float32)
    boxes = np.full((len(scenes.opacities), 4), -1)
    step = max(1, BATCH // (size[0] * size[1]))
    for start in range(0, count, step):
        chunk = people.iloc[start : start + step]
        images[start : start + step, 0] = _take(
            chunk, scenes, size, quanta, masks[start : start + step], boxes
        )
    labels = np.zeros((count, len(KINDS)), np.int64)
    row_of = {number: row for row, number in enumerate(people.index)}
    for image, kind in zip(scenes.opacities["image"], scenes.opacities["kind"], strict=True):
        labels[row_of[image], KINDS.index(kind)] = 1
    names = ["box_x", "box_y", "box_width", "box_height"]
    table = scenes.opacities.reset_index(drop=True).assign(
        **{name: boxes[:, i] for i, name in enumerate(names)}
    )
    return ChestXrays(images, labels, masks, ChestScenes(people, table, scenes.seed))


def _take(
    people: pd.DataFrame, scenes: ChestScenes, size: tuple[int, int], quanta: float,
    masks: np.ndarray, boxes: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Images (n, H, W) of some of the people; fills their masks and boxes."""
    body = thorax(people, size)
    row_of = {number: row for row, number in enumerate(people.index)}
    for place, (_, opacity) in enumerate(scenes.opacities.iterrows()):
        if (row := row_of.get(opacity["image"])) is not None:
            length = path_length(opacity, body, row)
            masks[row] = np.maximum(masks[row], length)
            if (around := box(length)) is not None:
                boxes[place] = around
    air = np.maximum(body.lungs - body.heart - body.vessels - masks, 0)
    water = np.maximum(body.body - body.fat - air - body.bone, 0)
    attenuation = WATER * water + FAT * body.fat + LUNG * air + BONE * body.bone
    attenuation += _line(people, body.x, body.y)

    column = (slice(None), None, None)
    primary = np.exp(-attenuation)
    veil = gaussian_filter(primary, (0, *[5.0 * max(size) / FIELD] * 2), mode="nearest")
    total = primary + people["scatter"].to_numpy()[column] * veil
    middle, spread = _window(-np.log(total), body.body > 1.0)
    total = total * _marker(people, size)
    if np.isfinite(quanta):
        photons = quanta * people["exposure"].to_numpy()[column]
        # One generator an image, apart from the scene's: the person stays when noise changes.
        noisy = [
            np.random.default_rng((scenes.seed, int(number), 1)).poisson(mean)
            for number, mean in zip(people.index, photons * total, strict=True)
        ]
        total = np.maximum(np.stack(noisy), 0.5) / photons
    steep = 1.5 * people["contrast"].to_numpy() / spread
    z = steep[column] * (-np.log(total) - middle[column])
    return 1 / (1 + np.exp(np.clip(-z, -60, 60)))


def _window(density: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the density over the body, (n,) each."""
    masked = np.ma.masked_array(density, ~inside)
    return (
        masked.mean((1, 2)).filled(0.0),
        np.maximum(masked.std((1, 2)).filled(1.0), 1e-6),
    )


def _line(people: pd.DataFrame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Attenuation of a line (a catheter, a cable) that bends over the chest."""
    path = y - 0.35 * x - 3.0 * np.sin(0.25 * x)
    return people["tube"].to_numpy()[:, None, None] * 0.5 * np.exp(-((path / 0.22) ** 2))


def _marker(people: pd.DataFrame, size: tuple[int, int]) -> np.ndarray:
    """What a lead letter L on the detector, beside the left shoulder, lets through."""
    pixel = FIELD / max(size)
    u = ((np.arange(size[1]) + 0.5) * pixel)[None, None] - (size[1] * pixel - 2.6)
    v = ((np.arange(size[0]) + 0.5) * pixel)[None, :, None] - 1.0
    stem = (np.abs(u) < 0.3) & (v > 0) & (v < 2.4)
    foot = (np.abs(v - 2.1) < 0.3) & (u > -0.3) & (u < 1.4)
    return np.where((people["marker"].to_numpy()[:, None, None] == 1) & (stem | foot), 0.02, 1.0)


def _check(count: int, prevalence: float, kinds: Sequence[str], **chances: Sequence[float]) -> None:
    if count < 1:
        raise ValueError(f"count must be 1 or more; got {count}")
    if not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must be a share from 0 to 1; got {prevalence}")
    if not kinds or set(kinds) - set(KINDS):
        raise ValueError(f"kinds must be some of {', '.join(KINDS)}; got {tuple(kinds)}")
    for name, pair in chances.items():
        if len(pair) != 2 or not all(0 <= chance <= 1 for chance in pair):
            raise ValueError(
                f"{name} must be (chance for the healthy, chance for the ill) from 0 to 1; "
                f"got {tuple(pair)}"
            )
