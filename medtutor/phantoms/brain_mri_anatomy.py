"""From a scene to shares of tissue: pose and shape of the head, its layers, what is ill in it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from medtutor.methods.training_data.deformations import (
    ControlGrid,
    ShapeModel,
    spline_weights,
    vibrational_modes,
)
from medtutor.phantoms.brain_mri_physics import TISSUES
from medtutor.phantoms.brain_mri_scenes import MODES, BrainScenes
from medtutor.phantoms.brain_mri_template import depth_below_dura, tissue_shares

ORDER = {name: place for place, name in enumerate(TISSUES)}
BOX = ControlGrid((241, 241, 241), points=5)  # mm around the head, that carry the deformation
WAVES = 24  # cosines of a random field
ILL = ("oedema", "tumour", "infiltrate", "necrosis", "ms", "ms_active")
TABLE = 0.28  # share of the skull that each of its two solid tables takes


@lru_cache(maxsize=1)
def head_modes() -> ShapeModel:
    """The smoothest vibrational modes of the box (chapter 03), scaled to 1 mm for scores of 1."""
    modes = vibrational_modes(BOX)
    model = ShapeModel(np.zeros(BOX.length), modes.vectors, modes.variances)
    return model.truncated(MODES).scaled(1.0)


def control_displacements(factors: pd.DataFrame) -> np.ndarray:
    """(N, 3 L) displacements of the control points, in mm."""
    model = head_modes()
    scores = factors[[f"mode_{k + 1}" for k in range(MODES)]].to_numpy()
    # Not by matrix product: its rounding would depend on how many images there are.
    return np.einsum("nm,lm->nl", scores * np.sqrt(model.variances), model.vectors)


def places_in_average_head(scenes: BrainScenes, axes: list[np.ndarray | None]) -> np.ndarray:
    """Where each point of the pictures comes from in the average head.

        q = R (p - shift) / scale + u(p)

    with R the rotation by pitch, roll and yaw, and u the spline of the modes. A pull, as in chapter
    03; no drawn scene folds.

    Args:
        scenes: N of them.
        axes: positions along z, y and x in mm from the middle of the field, (n,) each; None for the
            axis that the slices cut, which takes the scene's `slice_mm`.

    Returns:
        (N, P, 3) float32, mm.
    """
    table = scenes.factors
    count = len(table)
    along = [
        table[["slice_mm"]].to_numpy() if axis is None else np.tile(axis, (count, 1))
        for axis in axes
    ]  # (N, n) each
    centre = (BOX.size[0] - 1) / 2
    weights = [
        spline_weights(knots, line.ravel() + centre).reshape(*line.shape, -1)
        for knots, line in zip(BOX.axes, along, strict=True)
    ]  # (N, n, c)
    field = control_displacements(table).reshape(count, 3, *BOX.points)
    field = np.einsum("nzi,naijk->nazjk", weights[0], field, optimize=True)
    field = np.einsum("nyj,nazjk->nazyk", weights[1], field, optimize=True)
    field = np.einsum("nxk,nazyk->nazyx", weights[2], field, optimize=True)
    z, y, x = along
    shape = (count, z.shape[1], y.shape[1], x.shape[1])
    points = np.stack(
        [
            np.broadcast_to(z[:, :, None, None], shape),
            np.broadcast_to(y[:, None, :, None], shape),
            np.broadcast_to(x[:, None, None, :], shape),
        ],
        axis=-1,
    ).reshape(count, -1, 3)
    points = points - table[["shift_z_mm", "shift_y_mm", "shift_x_mm"]].to_numpy()[:, None]
    turned = points @ _rotations(table) / table["scale"].to_numpy()[:, None, None]
    return (turned + field.reshape(count, 3, -1).swapaxes(1, 2)).astype(np.float32)


def shares_of_tissue(scenes: BrainScenes, at: np.ndarray) -> np.ndarray:
    """Share of each tissue at places of the average head.

    Args:
        scenes: N of them.
        at: (N, P, 3), mm, of `places_in_average_head`.

    Returns:
        (N, P, T) float32 in the order of TISSUES, summing to 1.
    """
    table = scenes.factors
    count, points = at.shape[:2]
    depth = depth_below_dura(at)  # the skull gives no way: not pushed by the tumour
    pushed = at.copy()
    for row in np.flatnonzero(table["kind"] == "tumour"):
        pushed[row] = _pushed(at[row], table.iloc[row])
    seeds = table["fold_seed"].to_numpy()
    sulci = np.stack([waves(q, s, (10, 36)) for q, s in zip(at, seeds, strict=True)])
    cortex = np.stack([waves(q, s + 1, (14, 50)) for q, s in zip(at, seeds, strict=True)])
    brain = tissue_shares(pushed, table["atrophy"].to_numpy(), 1.2 * sulci, 0.5 * cortex)
    shares = np.zeros((count, points, len(ORDER)), np.float32)
    for name, share in zip(("csf", "grey", "white"), brain, strict=True):
        shares[..., ORDER[name]] = share
    _vessels(shares, at, depth)
    lesions = scenes.ms.set_index("image")
    for row, (number, head) in enumerate(table.iterrows()):
        found = lesions.loc[[number]] if number in lesions.index else lesions.iloc[:0]
        if head["kind"] != "ms":
            found = found.iloc[: int(head["spots"])].assign(active=False)
        for _, lesion in found.iterrows():
            _place_ms(shares[row], at[row], lesion)
        if head["kind"] == "tumour":
            _grow_tumour(shares[row], at[row], head)
    return _in_head(shares, at, depth, table)


def waves(at: np.ndarray, seed: int, lengths: tuple[float, float]) -> np.ndarray:
    """A smooth random field of variance 1: cosines of random direction, phase and wave length.

    Args:
        at: (P, 3), mm.
        seed: of the field.
        lengths: least and most wave length, in mm; logarithmically uniform.
    """
    rng = np.random.default_rng(int(seed))
    direction = rng.normal(size=(3, WAVES))
    direction /= np.linalg.norm(direction, axis=0)
    length = np.exp(rng.uniform(*np.log(lengths), size=WAVES))
    phase = rng.uniform(0, 2 * np.pi, WAVES).astype(np.float32)
    angle = at @ (2 * np.pi * direction / length).astype(np.float32) + phase
    return np.sqrt(2 / WAVES, dtype=np.float32) * np.cos(angle).sum(-1)


def _rotations(table: pd.DataFrame) -> np.ndarray:
    """(N, 3, 3) to multiply rows (z, y, x) from the right: pitch turns z y, roll z x, yaw y x."""
    turn = np.tile(np.eye(3), (len(table), 1, 1))
    for name, (a, b) in (("pitch_deg", (0, 1)), ("roll_deg", (0, 2)), ("yaw_deg", (1, 2))):
        angle = np.deg2rad(table[name].to_numpy())
        one = np.tile(np.eye(3), (len(table), 1, 1))
        one[:, a, a] = one[:, b, b] = np.cos(angle)
        one[:, a, b], one[:, b, a] = np.sin(angle), -np.sin(angle)
        turn = turn @ one
    return turn


def _ramp(distance: np.ndarray, width: float = 1.0) -> np.ndarray:
    """0 outside, 1 inside, a straight line over `width` mm around distance 0."""
    return np.clip(distance / width + 0.5, 0, 1)


def _from_centre(at: np.ndarray, row: pd.Series, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Way from a lesion's centre, and its length in units that make the lesion a ball, in mm."""
    centre = np.array([row[prefix + axis] for axis in "zyx"], np.float32)
    stretch = np.array([row[f"{prefix}stretch_{axis}"] for axis in "zyx"], np.float32)
    away = at - centre
    return away, np.sqrt(((away / stretch) ** 2).sum(-1)) + 1e-3


def _pushed(at: np.ndarray, head: pd.Series) -> np.ndarray:
    """Where brain beside a tumour came from: r'^3 = r^3 - (m R)^3, which keeps its volume."""
    away, distance = _from_centre(at, head, "tumour_")
    radius = head["tumour_radius_mm"]
    grown = head["tumour_mass"] * radius
    kept = np.cbrt(1 - (grown / np.maximum(distance, radius)) ** 3)
    return at + away * (kept - 1)[:, None].astype(np.float32)


def _take(shares: np.ndarray, tissue: str, amount: np.ndarray) -> None:
    """Give a share of every place to one tissue; the others keep their proportions."""
    shares *= (1 - amount)[..., None]
    shares[..., ORDER[tissue]] += amount


def _grow_tumour(shares: np.ndarray, at: np.ndarray, head: pd.Series) -> None:
    """Oedema in white matter, then the solid tumour, then its core, into shares (P, T).

    The tumour does not cross the falx: each mm beyond the midline counts as one more. Oedema has to
    be carried by white matter, so it crosses in the corpus callosum only.
    """
    radius, seed = head["tumour_radius_mm"], head["tumour_seed"]
    _, distance = _from_centre(at, head, "tumour_")
    near = distance < 1.8 * radius + 2.5 * head["tumour_oedema_mm"] + 10
    place, here = at[near], shares[near]
    beyond = np.maximum(-np.sign(head["tumour_x"]) * place[:, 2], 0)
    rough = 1 + head["tumour_wobble"] * waves(place, seed, (0.5 * radius, 2.5 * radius))
    depth = radius * rough - distance[near] - beyond  # mm, above 0 inside
    reach = head["tumour_oedema_mm"] * np.exp(0.4 * waves(place, seed + 1, (10, 40)))
    wet = _ramp(reach + depth - beyond, 3.0)
    for tissue, part in (("white", 0.95), ("grey", 0.15)):
        taken = here[:, ORDER[tissue]] * wet * part * (head["tumour_oedema_mm"] > 0)
        here[:, ORDER[tissue]] -= taken
        here[:, ORDER["oedema"]] += taken
    ventricle = _ramp(here[:, ORDER["csf"]] - 0.9, 0.1) * _ramp(depth_below_dura(place) - 24, 6)
    solid = _ramp(depth, head["tumour_edge_mm"]) * (1 - ventricle)
    _take(here, "tumour", solid)
    leaky = np.clip(0.75 + 0.4 * waves(place, seed + 3, (0.3 * radius, 1.2 * radius)), 0.1, 1)
    here[:, ORDER["infiltrate"]] = here[:, ORDER["tumour"]] * (1 - leaky)
    here[:, ORDER["tumour"]] *= leaky
    if head["tumour_necrosis"] > 0:
        rim = radius * (1 - head["tumour_necrosis"])
        rim = rim * (1 + 0.3 * waves(place, seed + 2, (0.4 * radius, 1.5 * radius)))
        core = _ramp(depth - np.maximum(rim, 1.0), 1.5)
        for tissue in ("tumour", "infiltrate"):
            dead = here[:, ORDER[tissue]] * core
            here[:, ORDER[tissue]] -= dead
            here[:, ORDER["necrosis"]] += dead
    shares[near] = here


def _place_ms(shares: np.ndarray, at: np.ndarray, lesion: pd.Series) -> None:
    """One MS lesion, into shares (P, T); fluid stays fluid."""
    _, distance = _from_centre(at, lesion, "")
    near = distance < lesion["radius_mm"] + 2
    here = shares[near]
    amount = _ramp(lesion["radius_mm"] - distance[near], 1.5) * (1 - here[:, ORDER["csf"]])
    _take(here, "ms_active" if lesion["active"] else "ms", amount)
    shares[near] = here


def _vessels(shares: np.ndarray, at: np.ndarray, depth: np.ndarray) -> None:
    """The sagittal sinus under the dura, and blood of the choroid plexus in the ventricles."""
    z, y, x = np.moveaxis(at, -1, 0)
    sinus = _ramp(np.maximum(y - 25, -z - 35), 10.0) * _ramp(7.5 - depth, 1.5)
    sinus *= _ramp(4.5 - np.abs(x) - 0.4 * np.maximum(depth, 0), 1.5)
    there = sinus > 0
    here = shares[there]
    _take(here, "blood", sinus[there])
    shares[there] = here
    tuft = np.sqrt((np.abs(x) - 23) ** 2 + (y - 24) ** 2 + (z / 1.5 - 1) ** 2)
    plexus = 0.4 * _ramp(4.5 - tuft, 3.0) * shares[..., ORDER["csf"]]
    shares[..., ORDER["csf"]] -= plexus
    shares[..., ORDER["blood"]] += plexus


def _in_head(
    shares: np.ndarray, at: np.ndarray, depth: np.ndarray, table: pd.DataFrame
) -> np.ndarray:
    """Around the brain two tables of bone with marrow between, muscle, fat, skin and air."""
    outside = -depth  # mm above the dura
    skull, scalp = (table[name].to_numpy()[:, None] for name in ("skull_mm", "scalp_mm"))
    z, y, _ = np.moveaxis(at, -1, 0)
    # The temporal muscle, below and at the side: a choice of form.
    side = _ramp(np.abs(at[..., 2]) - 45, 30) * _ramp(z + 12, 24) * _ramp(28 - np.abs(y + 12), 40)
    scalp = scalp * (1 + 0.6 * side)
    skin = skull + scalp
    layers = [
        ("bone", outside), ("marrow", outside - TABLE * skull),
        ("bone", outside - (1 - TABLE) * skull), ("muscle", outside - skull),
        ("fat", outside - skull - side * 0.7 * scalp), ("muscle", outside - skin + 1.8),
        ("air", outside - skin),
    ]  # fmt: skip
    left = np.ones_like(depth)  # of a place, after the layers that lie above
    for tissue, above in reversed(layers):
        covered = _ramp(above)
        shares[..., ORDER[tissue]] += left * covered  # of these the brain has none
        left = left * (1 - covered)
    inner = [ORDER[name] for name in ("csf", "grey", "white", "blood", *ILL)]
    shares[..., inner] *= left[..., None]
    for row, seed in enumerate(table["fold_seed"]):
        _face(shares[row], at[row], seed)
    return shares


def _face(shares: np.ndarray, at: np.ndarray, seed: int) -> None:
    """Soft tissue, bone and cavities below and before the skull, so that the head looks whole."""
    below = (at[:, 0] > 23) & (shares[:, ORDER["air"]] > 0)
    place, here = at[below], shares[below]
    away = np.sqrt((((place - (40, -22, 0)) / (105, 80, 66)) ** 2).sum(-1))
    within = 70 * (1 - away)  # mm below the skin, nearly
    flesh = here[:, ORDER["air"]] * _ramp(within) * _ramp(place[:, 0] - 30, 14)
    some = waves(place, seed + 2, (18, 50))
    parts = {
        "fat": np.maximum(_ramp(5 - within, 3), 0.7 * _ramp(some - 0.9, 0.5)),
        "air": _ramp(-1.4 - some, 0.4) * _ramp(within - 12, 6),
        "bone": 0.8 * _ramp(0.2 - np.abs(some), 0.2) * _ramp(within - 8, 6),
    }
    here[:, ORDER["air"]] -= flesh
    for tissue, part in parts.items():
        here[:, ORDER[tissue]] += flesh * part
        flesh = flesh * (1 - part)
    here[:, ORDER["muscle"]] += flesh
    shares[below] = here
