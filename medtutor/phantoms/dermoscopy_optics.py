"""Light in the skin of the dermoscopy phantom: amounts of pigment, blood, collagen to colour.

Layers from above: keratin scale, epidermis with melanin, superficial collagen, dermis with blood
and, where a lesion reaches deep, with melanin too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WAVELENGTHS_NM = np.array([610.0, 540.0, 460.0])
"""One wavelength stands for each of red, green, blue: a choice; cameras integrate over bands."""
# Molar extinction of oxygenated and deoxygenated haemoglobin at these wavelengths, 1/(cm M): S.
# Prahl's compilation, omlc.org/spectra/hemoglobin.
OXY = np.array([1506.0, 53236.0, 44480.0])
DEOXY = np.array([9443.6, 46592.0, 23388.8])
GRAMS_PER_LITRE, GRAMS_PER_MOLE = 150.0, 64500.0
SATURATION = 0.75
"""Share of haemoglobin that carries oxygen: a choice."""
EPIDERMIS_CM = 0.006
"""60 micrometres, as in Jacques, Skin optics, Oregon Medical Laser Center News, 1998."""
DERMIS_PATH_CM = 0.15
"""Mean length of the way of remitted light through dermis: a choice."""
DEEP_CM = 0.02
"""Thickness of the layer that dermal melanin lies in: a choice."""
BARE = np.array([0.80, 0.74, 0.66])
"""What dermis without blood and pigment remits: a choice."""
KERATIN = np.array([0.86, 0.76, 0.56])
"""What thick scale remits: a choice."""
BACKWARD = 0.5
"""Share of the light scattered in superficial collagen that comes back up: a choice."""


@dataclass(frozen=True)
class Layers:
    """Amounts in each pixel, (N, H, W).

    Attributes:
        melanin: volume fraction of melanosomes in the epidermis.
        blood: volume fraction of blood in the dermis.
        collagen: thickness of superficial collagen that is there beside normal skin, in cm.
        deep: volume fraction of melanosomes in the dermis.
        keratin: share of the surface under thick scale, in [0, 1].
    """

    melanin: np.ndarray
    blood: np.ndarray
    collagen: np.ndarray
    deep: np.ndarray
    keratin: np.ndarray


def melanin_absorption(nm: np.ndarray) -> np.ndarray:
    """Absorption coefficient inside a melanosome, 1/cm: 1.70e12 nm^-3.48.

    S. L. Jacques, omlc.org/spectra/melanin/mua.html, for skin. Melanosomes differ ten-fold; the
    shape of the spectrum is what this gives.
    """
    return 1.70e12 * np.asarray(nm, float) ** -3.48


def blood_absorption(saturation: float = SATURATION) -> np.ndarray:
    """Absorption coefficient of whole blood in red, green and blue, 1/cm.

    mu = ln(10) C (S e_oxy + (1 - S) e_deoxy), C moles of haemoglobin a litre.
    """
    molar = GRAMS_PER_LITRE / GRAMS_PER_MOLE
    return np.log(10) * molar * (saturation * OXY + (1 - saturation) * DEOXY)


def collagen_scattering(nm: np.ndarray) -> np.ndarray:
    """Reduced scattering coefficient of dermis, 1/cm: 2e5 nm^-1.5 + 2e12 nm^-4.

    Mie scattering by fibres and Rayleigh scattering by small structure (Jacques, 1998). The second
    falls steeply with wavelength, so that pigment seen through collagen looks blue.
    """
    nm = np.asarray(nm, float)
    return 2e5 * nm**-1.5 + 2e12 * nm**-4


def remitted(layers: Layers) -> np.ndarray:
    """Share of the light that comes back, (N, 3, H, W), linear in light.

    For each colour, by Beer and Lambert in the layers and one scattering layer between:

        E = exp(-2 t_e m mu_m)                      epidermis, passed twice
        D = R_0 exp(-l b mu_b - 2 t_d d mu_m)       dermis
        s = B (1 - exp(-mu_s' z))                   sent back by collagen of thickness z
        I = k K + (1 - k)^2 E (s + (1 - s)^2 D)     under a share k of scale

    m, b, z, d, k the layers' amounts; t_e, t_d, l, R_0, B, K the constants above. Deep pigment
    makes D dark, and what is left is s, larger in blue than in red: the blue-white veil (Tyndall).
    Collagen alone adds s to a bright D: the white of regression.

    Departure: light does not spread sideways, and one wavelength stands for a band.
    """
    mu_m, mu_b = melanin_absorption(WAVELENGTHS_NM), blood_absorption()
    scatter = collagen_scattering(WAVELENGTHS_NM)
    count, height, width = layers.melanin.shape
    light = np.empty((count, 3, height, width), np.float32)
    some_scale = 1 - layers.keratin
    for c in range(3):
        epidermis = np.exp(np.float32(-2 * EPIDERMIS_CM * mu_m[c]) * layers.melanin)
        dermis = np.float32(BARE[c]) * np.exp(
            np.float32(-DERMIS_PATH_CM * mu_b[c]) * layers.blood
            + np.float32(-2 * DEEP_CM * mu_m[c]) * layers.deep
        )
        back = np.float32(BACKWARD) * -np.expm1(np.float32(-scatter[c]) * layers.collagen)
        below = epidermis * (back + (1 - back) ** 2 * dermis)
        light[:, c] = np.float32(KERATIN[c]) * layers.keratin + some_scale**2 * below
    return light
