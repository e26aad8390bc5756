"""What a PET scanner does to a distribution of tracer: units, blur, counts."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import erf

HALF_LIFE_MIN = 109.8
"""Of fluorine-18, in minutes."""
SIGMA_PER_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))
"""A Gaussian's standard deviation in units of its full width at half maximum, 0.4247."""


def activity_from_suv(
    suv: np.ndarray, dose_mbq: float, weight_kg: float, minutes: float
) -> np.ndarray:
    """Activity concentration at scan time from a standardised uptake value.

        SUV = C / (dose 2^(-t / T) / weight),   so   C = SUV dose 2^(-t / T) / weight

    with C in kBq/ml, dose in MBq, weight in kg (1 MBq/kg is 1 kBq/g, and 1 g of tissue is taken as
    1 ml), t minutes from injection to scan and T the half-life of fluorine-18. A body in which the
    tracer is spread evenly has SUV 1 everywhere.
    """
    return suv * dose_mbq * 2.0 ** (-minutes / HALF_LIFE_MIN) / weight_kg


def blur(volumes: np.ndarray, fwhm: float, voxel: float) -> np.ndarray:
    """Convolve (N, *S) with a Gaussian of full width at half maximum `fwhm` mm along each axis.

    Nothing comes in from outside the field.
    """
    sigma = fwhm * SIGMA_PER_FWHM / voxel
    widths = (0.0, *[sigma] * (volumes.ndim - 1))
    return gaussian_filter(volumes, widths, mode="constant", truncate=4.0)


def counted(expected: np.ndarray, generators: list[np.random.Generator]) -> np.ndarray:
    """Counts (N, *S): Poisson numbers with these means, each image from its own generator."""
    drawn = [g.poisson(mean) for g, mean in zip(generators, expected, strict=True)]
    return np.stack(drawn).astype(np.float64)


def recovery_at_centre(radius: float, fwhm: float, dim: int = 3) -> float:
    """Share of its contrast that the middle of a disc (2D) or ball (3D) keeps after the blur.

        2D: 1 - exp(-a^2),   3D: erf(a) - 2 a exp(-a^2) / sqrt(pi),   a = radius / (sqrt(2) sigma)

    The partial-volume effect in one number, nearer to 1 the larger the lesion: through 6 mm of blur
    a ball of 8 mm diameter keeps about half of its contrast in its very middle.

    Args:
        radius: of the lesion, in mm, 0 or more.
        fwhm: of the point-spread function, in mm, above 0.
        dim: 2 or 3.
    """
    if radius < 0 or fwhm <= 0 or dim not in (2, 3):
        raise ValueError(
            f"wanted radius of 0 or more, fwhm above 0 (both in mm) and dim 2 or 3; got "
            f"radius={radius}, fwhm={fwhm}, dim={dim}"
        )
    a = radius / (np.sqrt(2) * fwhm * SIGMA_PER_FWHM)
    if dim == 2:
        return float(1 - np.exp(-(a**2)))
    return float(erf(a) - 2 * a * np.exp(-(a**2)) / np.sqrt(np.pi))
