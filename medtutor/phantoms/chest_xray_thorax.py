"""The thorax of the chest radiograph phantom: path lengths through body, lungs, heart and bones.

Lengths in cm. x runs from the patient's right (left in the picture) to the left, y from head to
feet, 0 in the middle of the field; rays run along z, parallel. Of an ellipsoid with half axes a, b
(in the picture) and c (along the ray) a ray at (x, y) from its centre meets the chord

    L = 2 c sqrt(1 - (x/a)^2 - (y/b)^2),   0 where that is negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

FIELD = 33.0
"""Length of the longest side of the detector's field, in cm."""

# Mean and standard deviation of what differs between people (cm), and the limits it is held to.
# Choices, made for the pictures to resemble frontal radiographs; nobody was measured for them.
ANATOMY = {
    "chest_half_width": (15.2, 0.9, 12.5, 17.0),
    "chest_half_depth": (10.5, 1.0, 8.0, 13.0),
    "fat": (1.3, 0.6, 0.3, 3.5),  # under the skin
    "lung_half_height": (12.0, 1.0, 9.5, 14.0),
    "lung_half_width": (5.7, 0.4, 4.6, 6.6),
    "lung_depth_share": (0.80, 0.03, 0.70, 0.88),  # of the chest's depth
    "diaphragm_right": (9.2, 1.0, 6.0, 11.5),  # y of the dome's top
    "diaphragm_left": (10.2, 1.0, 7.0, 12.5),
    "heart_half_width": (6.0, 0.8, 4.2, 8.5),
    "heart_tilt": (35.0, 8.0, 15.0, 60.0),  # degrees
    "mediastinum": (1.5, 0.35, 0.8, 2.8),  # from the midline to each lung's edge
    "shift_x": (0.0, 0.5, -1.5, 1.5),  # of the patient before the detector
    "shift_y": (0.0, 0.8, -2.0, 2.0),
    "lean": (0.0, 1.5, -5.0, 5.0),  # degrees
}
RIB_RADIUS, RIB_STEP, RIBS = 0.55, 2.5, 10


def draw_anatomy(rng: np.random.Generator) -> dict[str, float]:
    """One person: a value for each key of `ANATOMY`, and a number from which vessels are drawn."""
    return {
        name: float(np.clip(rng.normal(mean, spread), low, high))
        for name, (mean, spread, low, high) in ANATOMY.items()
    } | {"vessels": int(rng.integers(2**31))}


@dataclass(frozen=True)
class Thorax:
    """Path lengths in cm, each (N, H, W), and the patient's own coordinates of each pixel.

    Attributes:
        body: through everything that is not air outside, `fat` of it fat.
        fat: through the layer under the skin.
        lungs: through the air-filled lungs, nothing taken off for what lies in them.
        lung_right, lung_left: the two parts of `lungs`.
        heart: through the part of the heart that lies before or behind lung.
        vessels: through the lungs' vessels.
        bone: through ribs, clavicles and spine, as compact bone.
        x, y: of each pixel, in the patient's coordinates.
    """

    body: np.ndarray
    fat: np.ndarray
    lungs: np.ndarray
    lung_right: np.ndarray
    lung_left: np.ndarray
    heart: np.ndarray
    vessels: np.ndarray
    bone: np.ndarray
    x: np.ndarray
    y: np.ndarray


def thorax(people: pd.DataFrame, size: tuple[int, int]) -> Thorax:
    """Path lengths of these people, one row each, on a detector of this size."""
    pixel = FIELD / max(size)
    rows, columns = ((np.arange(side) + 0.5 - side / 2) * pixel for side in size)
    of = {name: people[name].to_numpy(float)[:, None, None] for name in ANATOMY}
    turn = np.deg2rad(of["lean"])
    u, v = columns[None, None] - of["shift_x"], rows[None, :, None] - of["shift_y"]
    x, y = np.cos(turn) * u + np.sin(turn) * v, np.cos(turn) * v - np.sin(turn) * u

    body, fat = _trunk(of, x, y)
    right, left = (_lung(of, x, y, side) for side in (-1, 1))
    lungs = right + left
    heart = np.minimum(_heart(of, x, y), lungs)
    # Through the heart's shadow some lung stays in front of it and behind.
    heart = np.minimum(heart, 0.75 * lungs)
    vessels = np.minimum(_vessels(people["vessels"].to_numpy(), of, x, y), 0.5 * lungs)
    bone = np.minimum(_ribs(of, x, y) + _clavicles(of, x, y) + _spine(x, y), body)
    return Thorax(body, fat, lungs, right, left, heart, vessels, bone, x, y)


def chord(x: np.ndarray, y: np.ndarray, a: object, b: object, c: object) -> np.ndarray:
    """Length of the ray at (x, y) inside an ellipsoid with half axes a, b, c."""
    return 2 * c * np.sqrt(np.maximum(1 - (x / a) ** 2 - (y / b) ** 2, 0))


def tube(distance: np.ndarray, radius: object) -> np.ndarray:
    """Length of a ray that passes a tube's axis at this distance, straight through."""
    return 2 * np.sqrt(np.maximum(radius**2 - distance**2, 0))


def _soft_step(value: np.ndarray, width: float) -> np.ndarray:
    """0 far below zero, 1 far above, over about `width`."""
    return 1 / (1 + np.exp(np.clip(-4 * value / width, -60, 60)))


def _trunk(of: dict, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Body and fat: an elliptic cylinder that narrows to the neck above the shoulders."""
    shoulders = _soft_step(y + 15.0, 3.0)
    half = 6.0 + (of["chest_half_width"] + 1.5 - 6.0) * shoulders
    depth = of["chest_half_depth"] * (0.62 + 0.38 * shoulders)
    outer = chord(x, 0 * y, half + of["fat"], 1.0, depth + of["fat"])
    return outer, np.maximum(outer - chord(x, 0 * y, half, 1.0, depth), 0)


def _lung(of: dict, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
    """An egg with a narrow apex, cut off below by the dome of the diaphragm."""
    b, a = of["lung_half_height"], of["lung_half_width"]
    top = -14.0
    narrow = np.clip((y - top) / (0.9 * b), 0.0, 1.0)
    half = a * (0.45 + 0.55 * np.sqrt(narrow))
    middle = side * (of["mediastinum"] + a * (0.92 + 0.08 * narrow))
    deep = of["lung_depth_share"] * of["chest_half_depth"]
    below = np.where(y > top + b, (y - top - b) / (1.6 * b), (y - top - b) / b)
    length = 2 * deep * np.maximum(1 - np.abs((x - middle) / half) ** 2.6 - below**2, 0) ** 0.4
    dome_top = of["diaphragm_right"] if side < 0 else of["diaphragm_left"]
    dome = dome_top + 0.075 * (x - side * (of["mediastinum"] + 0.75 * a)) ** 2
    return length * _soft_step(dome - y, 1.0)


def _heart(of: dict, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An ellipsoid whose long axis points down to the patient's left, and the great vessels."""
    turn, long = np.deg2rad(of["heart_tilt"]), of["heart_half_width"]
    at_y = np.minimum(of["diaphragm_left"], of["diaphragm_right"] + 0.5) - 0.62 * long
    u, v = x - 0.40 * long, y - at_y
    along, across = np.cos(turn) * u + np.sin(turn) * v, np.cos(turn) * v - np.sin(turn) * u
    heart = chord(along, across, 1.12 * long, 0.82 * long, 0.85 * long)
    arch = chord(x - 1.9, y + 6.5, 1.7, 1.9, 1.7)
    right = chord(x + 1.6, y + 3.0, 1.1, 5.0, 1.3)
    return np.maximum(heart, np.maximum(arch, right))


def _vessels(seeds: np.ndarray, of: dict, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Vessels that leave each hilum, thinner the farther out: tubes along bent rays."""
    length = np.zeros_like(x)
    drawn = np.stack([np.random.default_rng(seed).random((2, 16, 4)) for seed in seeds])
    for side, name in ((0, -1), (1, 1)):
        hilum_x = name * (of["mediastinum"] + 1.3)
        dx, dy = (x - hilum_x) * name, y + 0.5 * name
        reach = np.sqrt(dx**2 + dy**2)
        direction = np.arctan2(dy, dx)
        for branch in range(drawn.shape[2]):
            start, bend, thick, far = (drawn[:, side, branch, i][:, None, None] for i in range(4))
            angle = -1.35 + 2.7 * start + (bend - 0.5) * 0.12 * reach
            off = reach * np.sin(np.clip(direction - angle, -1.5, 1.5))
            radius = (0.28 + 0.30 * thick) * np.maximum(1 - reach / (4 + 8 * far), 0)
            length += np.where(dx > -0.5, tube(off, radius + 1e-6), 0)
        length += chord(dx, dy, 1.5, 2.4, 1.1)
    return length


def _ribs(of: dict, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Posterior ribs fall slowly outward; anterior ribs fall steeply inward."""
    half = of["chest_half_width"] - 0.5
    share = np.abs(x) / half
    inside = _soft_step((1 - share) * 15, 0.6)
    # Towards the chest wall a rib turns into the ray's direction, and its shadow grows denser.
    turned = 1 / np.sqrt(np.maximum(1 - np.minimum(share, 0.98) ** 2, 0.05))
    length = np.zeros_like(x)
    for rib in range(RIBS):
        back = -14.5 + RIB_STEP * rib + 4.2 * share**2 - 1.6 * np.sin(np.pi * share)
        slope_back = 0.55
        length += 0.42 * tube((y - back) * slope_back**0.3, RIB_RADIUS) * turned
        if rib < 7:
            front = -11.0 + RIB_STEP * rib + 6.0 * np.maximum(1 - share, 0) ** 1.3
            seen = _soft_step(np.abs(x) - 4.5, 1.5)
            length += 0.22 * tube(0.85 * (y - front), 1.15 * RIB_RADIUS) * seen * turned
    return length * inside


def _clavicles(of: dict, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A tube on each side, from the breast bone up and out to the shoulder."""
    share = np.abs(x) / of["chest_half_width"]
    axis = -11.0 - 3.2 * share + 0.6 * np.sin(2 * np.pi * share)
    seen = _soft_step(np.abs(x) - 1.2, 0.6) * _soft_step(1.05 - share, 0.1)
    return 0.55 * tube(0.95 * (y - axis), 0.65) * seen


def _spine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A column of vertebrae with thinner discs between."""
    return chord(x, 0 * y, 2.0, 1.0, 1.3) * (0.75 + 0.25 * np.cos(2 * np.pi * y / 2.6))
