"""Factors of the dermoscopy phantom: what is drawn, and the domains it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.special import ndtr

from medtutor.phantoms.dermoscopy_cases import COLUMNS, COUNTS, check_prior, draw_cases

ORDERS = np.arange(2, 10)
"""Of the outline's Fourier terms; each has a cosine and a sine, `wobble_0` to `wobble_15`."""
TEXTURES = ("skin_seed", "lesion_seed", "artefact_seed", "noise_seed")
"""Whole numbers from which textures and the places of small structures are drawn."""


@dataclass(frozen=True)
class Domain:
    """Where images come from: who comes there, and the camera. All numbers are choices.

    Attributes:
        prior: chance of each of `DIAGNOSES`; 0 for those that are never seen there.
        skin_melanin: median volume fraction of melanosomes in the epidermis of healthy skin.
        field_mm: length of the image's longest side on the skin.
        light: red, green and blue of the illumination and white balance together.
        exposure: brightness, 1 is the reference.
        gamma: the camera shows light to the power 1 / gamma.
        blur_mm: standard deviation of the optics' blur.
        noise: standard deviation of the sensor's noise, of white.
        vignette: loss of light in the corners, a fraction.
        hair: share of images with hair; 1.3 times as likely on men, 0.7 on women, never on acral
            skin.
        ruler: share of images with a ruler.
        bubbles: share with gel bubbles.
        sticker: share with a coloured sticker at the side.
        corners: share of images with the dark corners of a round tube.
    """

    prior: Sequence[float] = COUNTS
    skin_melanin: float = 0.025
    field_mm: float = 16.0
    light: Sequence[float] = (0.98, 1.01, 1.12)
    exposure: float = 1.0
    gamma: float = 2.0
    blur_mm: float = 0.12
    noise: float = 0.008
    vignette: float = 0.12
    hair: float = 0.35
    ruler: float = 0.25
    bubbles: float = 0.15
    sticker: float = 0.0
    corners: float = 0.12


# Names say what is different. The priors of "school" and "clinic" leave diagnoses out, as real
# collections do; "light" and "dark" share one camera, so that only the skin differs.
DOMAINS = {
    "reference": Domain(),
    "violet": Domain(light=(0.98, 0.84, 1.06), exposure=0.95, field_mm=13.0, gamma=2.2, corners=0.0,
                     ruler=0.05, prior=(5, 67, 11, 6, 11)),
    "warm": Domain(light=(1.06, 0.96, 0.80), exposure=1.05, gamma=1.8, vignette=0.35, blur_mm=0.16,
                   ruler=0.0, bubbles=0.45, corners=0.5),
    "school": Domain(prior=(0, 1, 0, 0, 0), skin_melanin=0.03, hair=0.15,
                     ruler=0.05, sticker=0.5, field_mm=20.0, light=(1.03, 0.97, 0.93)),
    "clinic": Domain(prior=(0, 80, 20, 0, 0), skin_melanin=0.035, exposure=0.85, vignette=0.4,
                     noise=0.02, ruler=0.0, corners=0.6, light=(0.97, 1.02, 0.92)),
    "phone": Domain(light=(0.92, 1.0, 1.08), exposure=1.1, blur_mm=0.22, noise=0.035, vignette=0.25,
                    gamma=2.4, field_mm=18.0),
    "dark": Domain(skin_melanin=0.20, exposure=1.2),
}  # fmt: skip
"""Seven domains; the first is the reference."""

_LOOKS = (
    *(f"wobble_{h}" for h in range(2 * len(ORDERS))), "aspect", "angle", "bend", "bend_angle",
    "not_star",
    "centre_x_mm", "centre_y_mm", "skin_melanin", "skin_blood", "mottling", "freckles",
    "pigment_angle", "network_mm", "network_angle", "blotch_angle", "blotch_far", "veil_angle",
    "veil_far", "veil_size", "regression_angle", "regression_far", "regression_size", "peppering",
    "globule_number", "streak_angle", "vessel_angle", "hair", "hair_number", "hair_mm", "hair_dark",
    "ruler", "ruler_angle", "ruler_far", "bubbles", "bubble_number", "sticker", "sticker_angle",
    "sticker_far", "sticker_hue", "corners", "corner_far", "field_mm", "light_red", "light_green",
    "light_blue", "exposure", "blur_mm", "noise", "vignette", "tilt", "tilt_angle", "glare",
)  # fmt: skip
_CAMERA = ("field_mm", "light_red", "light_green", "light_blue", "exposure", "blur_mm", "noise",
           "vignette", "corners")  # fmt: skip


def draw_dermoscopy(
    count: int,
    *,
    domain: str | Domain = "reference",
    not_star: float = 0.05,
    seed: int = 0,
    first: int = 0,
) -> pd.DataFrame:
    """Draw cases and everything that shapes their images: one row an image, to read and change.

    First the case (`dermoscopy_cases`): diagnosis by the domain's prior, criteria, signs and
    patient given the diagnosis. Then what does not depend on the diagnosis: skin, places of
    structures, hair, instruments, camera. Stated correlations: melanomas and keratoses are in
    older people; site, sex and elevation go with the diagnosis; freckles grow with age; hair is
    likelier on men, and absent on acral skin.

    Every number is a transform of standard normal ones, drawn from (seed, number of the image):
    image i does not depend on `count`, and the same seed in another domain gives the same cases as
    far as the prior allows, seen by another camera (to change the camera alone: `in_domain`).

    Args:
        count: number of images.
        domain: a name of `DOMAINS`, or one's own.
        not_star: share of lesions bent so much that their outline is not star-shaped; all others
            are star-shaped about (`centre_x_mm`, `centre_y_mm`).
        seed: of the sample.
        first: number of the first image.

    Returns:
        A table indexed by the image's number. `diagnosis` is a place in `DIAGNOSES`, each of
        `CRITERIA` the place of its level. Lengths are in mm, x to the right and y down from the
        middle of the field, angles in radian, `..._far` and `..._size` fractions of the lesion's
        (ruler, sticker and corners: the field's) radius, melanin and blood volume fractions;
        `bend` is the height of the lesion's waves in radii, `bend_angle` their phase; `hair`,
        `ruler`, `bubbles`, `sticker` and `corners` 0 or 1. `TEXTURES` are seeds, `camera_...`
        what the camera's numbers were drawn from, which only `in_domain` reads.

    Raises:
        ValueError: an argument out of range.
    """
    domain = checked_domain(domain)
    if count < 1 or first < 0:
        raise ValueError(f"count must be 1 or more, first 0 or more; got {count} and {first}")
    if not 0 <= not_star <= 1:
        raise ValueError(f"not_star is a share of the lesions, from 0 to 1; got {not_star}")
    names = ("diagnosis", "atypia", *COLUMNS, *_LOOKS)
    rows, seeds = [], []
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number))
        seeds.append(rng.integers(2**31, size=len(TEXTURES)))
        rows.append(rng.standard_normal(len(names)))
    z = dict(zip(names, np.array(rows).T, strict=True))
    cases = draw_cases(z, domain.prior)
    looks = _looks(cases, z, domain, not_star) | _camera(z, domain)
    camera = {f"camera_{name}": z[name] for name in _CAMERA}  # as drawn, for `in_domain`
    parts = [cases, pd.DataFrame(looks), pd.DataFrame(seeds, columns=TEXTURES)]
    table = pd.concat([*parts, pd.DataFrame(camera)], axis=1)
    table.index = pd.RangeIndex(first, first + count, name="image")
    return table


def in_domain(factors: pd.DataFrame, domain: str | Domain) -> pd.DataFrame:
    """The same patients and lesions photographed by another domain's camera."""
    z = {name: factors[f"camera_{name}"].to_numpy() for name in _CAMERA}
    return factors.assign(**_camera(z, checked_domain(domain)))


def checked_domain(domain: str | Domain) -> Domain:
    """The domain of this name, or this one if its numbers are possible."""
    if isinstance(domain, str):
        if domain not in DOMAINS:
            raise ValueError(
                f"domain must be one of {', '.join(DOMAINS)}, or a Domain; got {domain!r}"
            )
        return DOMAINS[domain]
    check_prior(domain.prior)
    for name in ("hair", "ruler", "bubbles", "sticker", "corners", "vignette"):
        if not 0 <= getattr(domain, name) <= 1:
            raise ValueError(f"{name} must be from 0 to 1; got {getattr(domain, name)}")
    for name in ("blur_mm", "noise"):
        if not 0 <= getattr(domain, name) < np.inf:
            raise ValueError(f"{name} must be 0 or more; got {getattr(domain, name)}")
    positive = {f.name: getattr(domain, f.name) for f in fields(domain)}
    for name in ("field_mm", "exposure", "gamma"):
        if not 0 < positive[name] < np.inf:
            raise ValueError(f"{name} must be above 0; got {positive[name]}")
    if not 0 < domain.skin_melanin < 0.5:
        raise ValueError(f"skin_melanin is a volume fraction, above 0 and below 0.5; got "
                         f"{domain.skin_melanin}")  # fmt: skip
    if len(domain.light) != 3 or min(domain.light) <= 0:
        raise ValueError(f"light must be red, green and blue above 0; got {domain.light}")
    return domain


def _looks(
    cases: pd.DataFrame, z: dict[str, np.ndarray], domain: Domain, not_star: float
) -> dict[str, np.ndarray]:
    """What does not depend on the diagnosis, but for the case's own age, sex, site and signs."""
    u = {name: ndtr(z[name]) for name in _LOOKS}

    def between(name: str, low: float, high: float) -> np.ndarray:
        return low + (high - low) * u[name]

    bent = u["not_star"] < not_star
    irregularity = cases["irregularity"].to_numpy()
    wobble = {
        f"wobble_{h}": np.clip(z[f"wobble_{h}"], -2, 2) * irregularity * 1.5 / order**1.15
        for h, order in enumerate(np.repeat(ORDERS, 2).astype(float))
    }
    male = (cases["sex"] == "male").to_numpy()
    hairy = np.where(male, 1.3, 0.7) * (cases["site"] != "acral").to_numpy()
    radius = cases["diameter_mm"].to_numpy() / 2
    room = np.maximum(domain.field_mm / 2 - 1.3 * radius, 0)
    angles = {name: 2 * np.pi * u[name] for name in _LOOKS if name.endswith("angle")}
    return angles | wobble | {
        "aspect": np.where(bent, between("aspect", 1.7, 2.2), 1 + 0.9 * u["aspect"] ** 1.5),
        "bend": np.where(bent, between("bend", 0.62, 0.78), 0.0),
        "star_shaped": ~bent,
        "centre_x_mm": np.clip(1.0 * z["centre_x_mm"], -room, room),
        "centre_y_mm": np.clip(1.0 * z["centre_y_mm"], -room, room),
        "skin_melanin": np.minimum(domain.skin_melanin * np.exp(0.45 * z["skin_melanin"]), 0.45),
        "skin_blood": 0.0045 * np.exp(0.5 * z["skin_blood"]),
        "mottling": 0.13 * np.exp(0.4 * z["mottling"]),
        "freckles": u["freckles"] ** 2 * cases["age"].to_numpy() / 95,
        "network_mm": between("network_mm", 0.8, 1.1),
        "blotch_far": between("blotch_far", 0.25, 0.55), "veil_far": between("veil_far", 0.1, 0.45),
        "veil_size": between("veil_size", 0.45, 0.75),
        "regression_far": between("regression_far", 0.2, 0.5),
        "regression_size": between("regression_size", 0.4, 0.65),
        "peppering": u["peppering"], "globule_number": np.round(between("globule_number", 14, 44)),
        "hair": (u["hair"] < np.minimum(domain.hair * hairy, 1)).astype(int),
        "hair_number": np.round(2 + 14 * u["hair_number"] ** 2),
        "hair_mm": between("hair_mm", 0.04, 0.09), "hair_dark": between("hair_dark", 0.3, 1.0),
        "ruler": (u["ruler"] < domain.ruler).astype(int),
        "ruler_far": between("ruler_far", 0.62, 0.85),
        "bubbles": (u["bubbles"] < domain.bubbles).astype(int),
        "bubble_number": np.round(between("bubble_number", 3, 14)),
        "sticker": (u["sticker"] < domain.sticker).astype(int),
        "sticker_far": between("sticker_far", 0.95, 1.25), "sticker_hue": u["sticker_hue"],
        "corner_far": between("corner_far", 1.02, 1.25),
        "tilt": between("tilt", 0.03, 0.2), "glare": between("glare", 0.1, 0.5),
    }  # fmt: skip


def _camera(z: dict[str, np.ndarray], domain: Domain) -> dict[str, np.ndarray]:
    """The camera's numbers: the domain's own, a little different from image to image."""
    light = {
        f"light_{colour}": level * np.exp(0.06 * z[f"light_{colour}"])
        for colour, level in zip(("red", "green", "blue"), domain.light, strict=True)
    }
    return light | {
        "field_mm": domain.field_mm * np.exp(0.06 * z["field_mm"]),
        "exposure": domain.exposure * np.exp(0.18 * z["exposure"]),
        "gamma": np.full(len(z["exposure"]), domain.gamma),
        "blur_mm": domain.blur_mm * np.exp(0.2 * z["blur_mm"]),
        "noise": domain.noise * np.exp(0.2 * z["noise"]),
        "vignette": np.minimum(domain.vignette * np.exp(0.3 * z["vignette"]), 0.9),
        "corners": (ndtr(z["corners"]) < domain.corners).astype(int),
    }
