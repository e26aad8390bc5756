import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.phantoms.brain_mri_physics import (
    CONTRASTS,
    R1_GADOBUTROL,
    SCANNERS,
    TISSUES,
    Scanner,
    inversion_recovery,
    null_time,
    rician,
    spin_echo,
    spoiled_gradient_echo,
    t1_with_contrast,
)


def signal(contrast, tissue, scanner=SCANNERS["a"]):
    one = TISSUES[tissue]
    return float(scanner.signal(contrast, one.t1, one.t2, one.pd))


def test_spin_echo_by_hand():
    # TR = T1 ln 2 lets half of it recover, TE = T2 ln 4 leaves a quarter of that: 0.8 / 8 = 0.1.
    value = spin_echo(1000.0, 100.0, 0.8, tr=1000 * np.log(2), te=100 * np.log(4))
    assert value == pytest.approx(0.1)
    assert spin_echo(1000.0, 100.0, 0.8, tr=1e9, te=0) == pytest.approx(0.8)  # proton density
    assert spin_echo(1000.0, 100.0, 0.8, tr=0, te=0) == 0


def test_inversion_recovery_by_hand():
    # TR long, TI = T1 ln 4: 1 - 2 / 4 = 0.5, with TE = T2 ln 2 a quarter of pd.
    value = inversion_recovery(1000.0, 100.0, 0.8, tr=1e9, te=100 * np.log(2), ti=1000 * np.log(4))
    assert value == pytest.approx(0.2)
    # Right after the inversion the magnitude is whole again.
    assert inversion_recovery(1000.0, 100.0, 0.8, tr=1e9, te=0, ti=0) == pytest.approx(0.8)


def test_null_time():
    # Long TR: T1 ln 2. CSF of 3817 ms with TR = 9000 ms: exp(-2.3579) = 0.09462, ln(2 / 1.09462) =
    # 0.60275, 2300.7 ms.
    assert null_time(1000.0, 1e9) == pytest.approx(1000 * np.log(2))
    assert null_time(3817.0, 9000.0) == pytest.approx(2300.7, abs=0.1)
    csf = TISSUES["csf"]
    for scanner in SCANNERS.values():
        assert signal("flair", "csf", scanner) == pytest.approx(0, abs=1e-12)
        assert scanner.flair_ti == null_time(csf.t1, scanner.flair[0])


def test_spoiled_gradient_echo_by_hand():
    # E = 1/2 and 60 degrees: sin 60 = 0.86603; 0.86603 * 0.5 / (1 - 0.25) = 0.57735.
    value = spoiled_gradient_echo(1000.0, 50.0, 1.0, tr=1000 * np.log(2), flip=60)
    assert value == pytest.approx(0.57735, abs=1e-5)
    assert spoiled_gradient_echo(1000.0, 50.0, 0.7, tr=1e9, flip=90) == pytest.approx(0.7)
    # Largest at Ernst's angle, cos a = E.
    flips = np.linspace(1, 89, 8801)
    strongest = flips[spoiled_gradient_echo(1000.0, 50.0, 1.0, tr=20, flip=flips).argmax()]
    assert strongest == pytest.approx(np.rad2deg(np.arccos(np.exp(-0.02))), abs=0.01)


def test_contrast_agent_by_hand():
    # 1 / 1.6 s + 4.97 * 0.138 = 0.625 + 0.6859 = 1.3109 per second: 762.9 ms.
    assert t1_with_contrast(1600.0, 0.138) == pytest.approx(762.9, abs=0.1)
    assert t1_with_contrast(832.0, 0.0) == pytest.approx(832.0)
    # Twice the agent, twice the added rate.
    added = [1 / t1_with_contrast(1000.0, c) - 1 / 1000 for c in (0.1, 0.2)]
    assert added[1] == pytest.approx(2 * added[0]) == pytest.approx(R1_GADOBUTROL * 0.2 / 1000)


def test_rician_noise():
    noise = np.random.default_rng(0).standard_normal((2, 400_000))
    # Air: Rayleigh, mean sigma sqrt(pi / 2), 1.25331 sigma. Second moment S^2 + 2 sigma^2.
    assert rician(np.zeros(400_000), 0.3, noise).mean() == pytest.approx(0.3 * 1.25331, rel=5e-3)
    for s in (0.0, 0.5, 3.0):
        seen = rician(np.full(400_000, s), 0.3, noise)
        assert (seen**2).mean() == pytest.approx(s**2 + 2 * 0.09, rel=5e-3)
    assert seen.std() == pytest.approx(0.3, rel=0.01)  # nearly Gaussian where the signal is strong
    np.testing.assert_allclose(rician(np.array([1.0, 2.0]), 0.0, noise[:, :2]), [1, 2])


@pytest.mark.parametrize("site", sorted(SCANNERS))
def test_contrasts_look_as_they_should(site):
    def order(contrast, *tissues):
        values = [signal(contrast, tissue, SCANNERS[site]) for tissue in tissues]
        assert values == sorted(values), (contrast, tissues, values)

    order("t1", "bone", "csf", "grey", "white")
    order("t1", "csf", "tumour", "grey", "white")
    order("t2", "bone", "white", "grey", "csf")
    order("t2", "white", "oedema", "csf")
    order("pd", "bone", "white", "grey")
    order("flair", "csf", "white", "grey", "tumour", "oedema")
    order("flair", "csf", "white", "grey", "ms")


def test_the_table_is_what_its_sources_say():
    values = {name: (t.t1, t.t2, t.pd) for name, t in TISSUES.items()}
    assert values["grey"] == (1331, 110, 0.78) and values["white"] == (832, 79.2, 0.65)
    assert values["csf"] == (3817, 503, 0.97) and values["fat"][:2] == (382, 68)
    assert all(t1 > t2 > 0 and 0 <= pd <= 1 for t1, t2, pd in values.values())


@settings(max_examples=50, deadline=None)
@given(
    t1=st.floats(200, 5000), ratio=st.floats(0.02, 1), pd=st.floats(0, 1),
    contrast=st.sampled_from(CONTRASTS), site=st.sampled_from(sorted(SCANNERS)),
)  # fmt: skip
def test_no_signal_exceeds_the_protons(t1, ratio, pd, contrast, site):
    assert 0 <= SCANNERS[site].signal(contrast, t1, ratio * t1, pd) <= pd


def test_errors():
    with pytest.raises(ValueError, match="contrast must be one of .*'flair'"):
        Scanner().signal("dwi", 1000.0, 100.0, 1.0)
