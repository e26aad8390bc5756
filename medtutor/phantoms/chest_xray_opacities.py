"""What does not belong in a lung: opacities of four kinds, as water-equivalent path lengths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medtutor.phantoms.chest_xray_thorax import Thorax, chord
from medtutor.phantoms.organ_shapes import harmonics

KINDS = ("consolidation", "infiltrate", "nodule", "effusion")
# Least and most radius in cm (for effusions: height of the fluid), and filling: share of the lung's
# air that fluid or cells have replaced. Choices.
RANGES = {
    "consolidation": dict(radius=(2.0, 4.0), filling=(0.35, 0.8)),
    "infiltrate": dict(radius=(2.5, 5.0), filling=(0.12, 0.35)),
    "nodule": dict(radius=(0.6, 1.6), filling=(0.9, 1.0)),
    "effusion": dict(radius=(2.0, 7.0), filling=(0.95, 1.0)),
}
SHOWN = 0.15
"""A box holds the pixels whose path through the opacity is above this share of its longest."""


def draw_opacity(
    rng: np.random.Generator, kind: str, person: dict[str, float]
) -> dict[str, float | str]:
    """One opacity of a kind, in one of the lungs of this person."""
    side = -1 if rng.random() < 0.5 else 1
    radius, filling = (rng.uniform(*RANGES[kind][key]) for key in ("radius", "filling"))
    floor = person["diaphragm_right"] if side < 0 else person["diaphragm_left"]
    x = side * (person["mediastinum"] + person["lung_half_width"] * rng.uniform(0.5, 1.4))
    y = rng.uniform(-9.0, floor - 1.0)
    if kind == "effusion":
        y = floor - 0.6 * radius
    wobble = np.clip(rng.normal(size=8), -2, 2) * np.array([22, 22, 14, 14, 9, 9, 6, 6]) / 100
    return {
        "kind": kind, "side": side, "x": x, "y": y, "radius": radius, "filling": filling,
        "depth": rng.uniform(0.5, 1.1),       # along the ray, in units of the radius
        "grain": int(rng.integers(2**31)),    # where an infiltrate is dense and where not
        **{f"wobble_{h}": w for h, w in enumerate(wobble)},
    }  # fmt: skip


def path_length(opacity: pd.Series, body: Thorax, row: int) -> np.ndarray:
    """Length of replaced air along each ray, (H, W) in cm: never more than the lung itself."""
    lung = (body.lung_right if opacity["side"] < 0 else body.lung_left)[row]
    dx, dy = body.x[row] - opacity["x"], body.y[row] - opacity["y"]
    radius = float(opacity["radius"])
    if opacity["kind"] == "effusion":
        # The level rises towards the chest wall: the meniscus.
        level = opacity["y"] - 0.25 * radius * np.clip(opacity["side"] * dx / 4.0, -1, 2) ** 3
        below = 1 / (1 + np.exp(np.clip(-4 * (body.y[row] - level) / 0.8, -60, 60)))
        return lung * below * opacity["filling"]
    distance = np.hypot(dx, dy) + 1e-9
    wobble = opacity[[f"wobble_{h}" for h in range(8)]].to_numpy(float)
    amount = 0.3 if opacity["kind"] == "nodule" else 1.0
    bend = np.tensordot(amount * wobble, harmonics(np.stack([dy, dx]) / distance), 1)
    scaled = distance / np.exp(bend)
    whole = chord(scaled, 0 * scaled, radius, 1.0, opacity["depth"] * radius)
    if opacity["kind"] == "infiltrate":
        whole = whole * _patches(int(opacity["grain"]), dx, dy)
    soft = np.clip(1.5 * (1 - scaled / radius), 0, 1) if opacity["kind"] != "nodule" else 1.0
    return np.minimum(whole * soft, lung) * opacity["filling"]


def box(length: np.ndarray) -> tuple[int, int, int, int] | None:
    """(x, y, width, height) in pixels of what is seen of an opacity; None where nothing is."""
    seen = length > max(SHOWN * length.max(), 1e-6)
    if not seen.any():
        return None
    rows, columns = np.nonzero(seen.any(1))[0], np.nonzero(seen.any(0))[0]
    return (int(columns[0]), int(rows[0]),
            int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1))  # fmt: skip


def _patches(grain: int, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """A smooth pattern from 0 to 1: eight waves of 1 to 3 cm with drawn directions and phases."""
    rng = np.random.default_rng(grain)
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 8))
    wave = 2 * np.pi / rng.uniform(1.0, 3.0, 8)
    total = sum(
        np.sin(w * (np.cos(a) * dx + np.sin(a) * dy) + p)
        for w, a, p in zip(wave, angle, phase, strict=True)
    )
    return np.clip(0.55 + 0.25 * total, 0, 1)
