"""What a scanner adds to an anatomy: a smooth bias field and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .control_grid import ControlGrid

NOISES = ("gaussian", "poisson", "salt_and_pepper", "speckle")


def rescaled(image: np.ndarray) -> np.ndarray:
    """Bring an image to [0, 1] by its smallest and largest value."""
    image = np.asarray(image, dtype=np.float64)
    if not np.isfinite(image).all():
        raise ValueError(f"image holds {(~np.isfinite(image)).sum()} NaN or infinite voxels")
    low, high = image.min(), image.max()
    if high == low:
        raise ValueError(f"image is constant ({low}): it cannot be rescaled to [0, 1]")
    return (image - low) / (high - low)


@dataclass(frozen=True, eq=False)
class BiasField:
    """A drawn bias field: values at control points, cubic in between.

    Attributes:
        grid: control points that span the image.
        values: (L,), in [-0.5, 0.5] as drawn.
        strength: 0 is none; the released example has 0.5.
    """

    grid: ControlGrid
    values: np.ndarray
    strength: float = 0.5

    @property
    def field(self) -> np.ndarray:
        """(*size) the field at every voxel, as a share of the image's largest value."""
        stacked = np.concatenate([self.values] * self.grid.dim)
        return self.strength * self.grid.dense(stacked)[0]

    def apply(self, image: np.ndarray, *, how: str = "add") -> np.ndarray:
        """Put the field on an image.

        "add" is the released tool's: image + max(image) field. "multiply" is what a receive coil
        does: image (1 + field); it leaves the air dark.
        """
        if np.shape(image) != self.grid.size:
            raise ValueError(f"image must be {self.grid.size} as the field; got {np.shape(image)}")
        if how not in ("add", "multiply"):
            raise ValueError(f'how must be "add" or "multiply"; got {how!r}')
        return image + np.max(image) * self.field if how == "add" else image * (1 + self.field)


def draw_bias_field(
    size: tuple[int, ...], generator: torch.Generator, *, points: int = 6, strength: float = 0.5
) -> BiasField:
    """Draw strength * Uniform(-0.5, 0.5) at points x points places over the image."""
    if not strength >= 0:
        raise ValueError(f"strength must be at least 0; got {strength}")
    grid = ControlGrid(size, points, margin=0.0)
    values = torch.rand(grid.count, generator=generator, dtype=torch.float64).numpy() - 0.5
    return BiasField(grid, values, strength)


def add_noise(
    image: np.ndarray,
    kind: str,
    generator: torch.Generator,
    *,
    amount: float = 0.01,
    mean: float = 0.0,
) -> np.ndarray:
    """Put noise on an image that has been brought to [0, 1] first, as the released tool does.

    The tool adds noise BEFORE the bias field and rescales once more at the end.

    Args:
        image: (*size), not constant.
        kind: "gaussian" (amount = variance), "poisson" (amount = 1 / the count of photons at the
            brightest voxel), "salt_and_pepper" (amount = share of voxels), "speckle" (image times
            1 + noise of variance amount).
        generator: on the CPU.
        amount: how much; 0 gives the rescaled image back.
        mean: of the Gaussian noise.

    Returns:
        (*size), the noisy image; about [0, 1], not clipped.
    """
    if kind not in NOISES:
        raise ValueError(f"kind must be one of {NOISES}; got {kind!r}")
    if not amount >= 0 or (kind == "salt_and_pepper" and amount > 1):
        raise ValueError(f"amount must be at least 0 (a share, at most 1, of salt); got {amount}")
    clean = rescaled(image)
    if amount == 0:
        return clean
    if kind == "poisson":
        rate = torch.from_numpy(clean / amount)
        return torch.poisson(rate, generator=generator).numpy() * amount
    if kind == "salt_and_pepper":
        u = torch.rand(clean.shape, generator=generator, dtype=torch.float64).numpy()
        return np.where(u < amount / 2, 0.0, np.where(u < amount, 1.0, clean))
    z = torch.randn(clean.shape, generator=generator, dtype=torch.float64).numpy()
    noise = mean * (kind == "gaussian") + np.sqrt(amount) * z
    return clean + noise if kind == "gaussian" else clean * (1 + noise)
