import numpy as np
import pytest

from medtutor.phantoms.dermoscopy_optics import (
    BACKWARD,
    BARE,
    DEEP_CM,
    DERMIS_PATH_CM,
    EPIDERMIS_CM,
    KERATIN,
    WAVELENGTHS_NM,
    Layers,
    blood_absorption,
    collagen_scattering,
    melanin_absorption,
    remitted,
)


def light(**amounts):
    """Red, green, blue of one pixel."""
    names = ("melanin", "blood", "collagen", "deep", "keratin")
    made = {name: np.full((1, 1, 1), amounts.get(name, 0.0), np.float32) for name in names}
    return remitted(Layers(**made))[0, :, 0, 0].astype(float)


def test_melanin_hand_value():
    # 500^-3.48 = exp(-3.48 ln 500) = exp(-21.6268) = 4.051e-10; times 1.70e12: 688.7 per cm.
    assert melanin_absorption(500.0) == pytest.approx(688.7, rel=1e-3)


def test_blood_hand_value():
    # Green, fully oxygenated: ln(10) * 150 / 64500 * 53236 = 2.3026 * 123.80 = 285.07 per cm.
    assert blood_absorption(1.0)[1] == pytest.approx(285.07, rel=1e-4)
    assert blood_absorption(0.0)[1] == pytest.approx(285.07 * 46592 / 53236, rel=1e-4)
    red, green, blue = blood_absorption()
    assert green > blue > 8 * red  # blood is red


def test_scattering_hand_value():
    # At 500 nm: 2e5 / 11180.3 + 2e12 / 6.25e10 = 17.889 + 32 = 49.889 per cm.
    assert collagen_scattering(500.0) == pytest.approx(49.889, abs=0.001)


def test_bare_dermis_and_thick_scale():
    np.testing.assert_allclose(light(), BARE, rtol=1e-6)
    np.testing.assert_allclose(light(keratin=1.0), KERATIN, rtol=1e-6)


def test_beer_and_lambert():
    # Twice the pigment, the square of the transmission; layers multiply.
    one, two = (light(melanin=m) / BARE for m in (0.1, 0.2))
    np.testing.assert_allclose(two, one**2, rtol=1e-5)
    np.testing.assert_allclose(
        -np.log(one), 2 * EPIDERMIS_CM * 0.1 * melanin_absorption(WAVELENGTHS_NM), rtol=1e-5
    )
    blood, deep = light(blood=0.02) / BARE, light(deep=0.05) / BARE
    np.testing.assert_allclose(
        -np.log(blood), DERMIS_PATH_CM * 0.02 * blood_absorption(), rtol=1e-4
    )
    np.testing.assert_allclose(
        -np.log(deep), 2 * DEEP_CM * 0.05 * melanin_absorption(WAVELENGTHS_NM), rtol=1e-5
    )
    both = light(melanin=0.1, blood=0.02, deep=0.05) / BARE
    np.testing.assert_allclose(both, one * blood * deep, rtol=1e-5)


def test_deep_pigment_under_collagen_is_blue():
    # With D = 0 what is left is s = B (1 - exp(-mu z)).
    veil = light(deep=1.0, collagen=0.02)
    back = BACKWARD * (1 - np.exp(-collagen_scattering(WAVELENGTHS_NM) * 0.02))
    np.testing.assert_allclose(veil, back, rtol=1e-3)
    assert veil[2] > veil[1] > veil[0]
    brown = light(melanin=0.3)  # the same pigment above
    assert brown[0] > brown[1] > brown[2]


def test_collagen_whitens():
    skin, scar = light(blood=0.01), light(blood=0.01, collagen=0.02)
    assert np.ptp(scar) < 0.6 * np.ptp(skin)
