"""Signal of a tissue in an MRI sequence: relaxation at 3 T, contrast agent, Rician noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

R1_GADOBUTROL = 4.97
"""Relaxivity in human plasma at 3 T and 37 C, in 1/(s mM): 4.97 +- 0.59, Szomolanyi et al.,
Invest Radiol 54 (2019) 559. (3.47 in whole blood; tissue has no one value.)"""

TISSUE_GADOLINIUM = 0.010
"""mM in healthy brain after the injection: "Quantitative T1 mapping indicates tumor infiltration
beyond the enhancing part of glioblastomas" (University of Frankfurt, 2020; 33 patients) saw T1 fall
by 32 ms there, (1/800 - 1/832) / r1 = 0.0097 mM for white matter."""

OEDEMA_GADOLINIUM = 0.015
"""mM in oedema: the same work saw T1 fall by 123 ms, (1/1227 - 1/1350) / r1 = 0.0149 mM; and by
838 ms in the enhancing part, (1/762 - 1/1600) / r1 = 0.138 mM, the median that is drawn."""

BLOOD_GADOLINIUM = 0.6
"""mM in venous blood some minutes after the injection, a choice."""

NECROSIS_GADOLINIUM = 0.02
"""mM that seep into a necrotic core, a choice."""


@dataclass(frozen=True)
class Tissue:
    """What a tissue tells the scanner: T1 and T2 in ms, pd in units of pure water's protons."""

    t1: float
    t2: float
    pd: float


# T1 and T2 of grey and white matter: Wansapura et al., J Magn Reson Imaging 9 (1999) 531. CSF: T1
# of Lu et al., J Magn Reson Imaging 22 (2005) 13, T2 of Piechnik et al., Magn Reson Med 61 (2009)
# 579. Their water contents: Gasparovic et al., Magn Reson Med 55 (2006) 1219. These as quoted in
# the program GannetQuantify. Others measure otherwise: at 3 T, T1 of white matter from 699 to 1735
# ms (Bojorquez et al., Magn Reson Imaging 35 (2017) 69).
# Muscle: Stanisz et al., Magn Reson Med 54 (3) (2005), as quoted in Fessler's image reconstruction
# toolbox. Fat and marrow (subcutaneous, L4): de Bazelaire et al., Radiology, March 2004; pd of
# fat 1 as in BrainWeb's table. Blood: T1 1650 ms, as perfusion imaging assumes at 3 T.
# Everything else is a CHOICE, no source was seen: bone's silence, pd of muscle, marrow and of all
# lesions, T2 of blood (short, as flow leaves little of it), and both times of tumour, necrosis,
# oedema and MS lesions, made for FLAIR and T1c to look as in three cases of BraTS 2015. (Two points
# of reference: one exploratory study at 3 T found T1 of 1850 to 3200 ms and T2 of 115 to 225 ms to
# tell of dense glioma; BrainWeb takes 752 and 237 ms for MS lesions at 1.5 T.)
TISSUES = {
    "air": Tissue(1000.0, 50.0, 0.0),
    "bone": Tissue(1000.0, 50.0, 0.03),
    "marrow": Tissue(586.0, 49.0, 0.45),
    "muscle": Tissue(1412.0, 50.0, 0.80),
    "fat": Tissue(382.0, 68.0, 1.00),
    "blood": Tissue(1650.0, 30.0, 0.80),
    "csf": Tissue(3817.0, 503.0, 0.97),
    "grey": Tissue(1331.0, 110.0, 0.78),
    "white": Tissue(832.0, 79.2, 0.65),
    "oedema": Tissue(1350.0, 210.0, 0.80),
    "tumour": Tissue(1600.0, 190.0, 0.83),
    "infiltrate": Tissue(1600.0, 190.0, 0.83),  # tumour whose vessels do not leak
    "necrosis": Tissue(1800.0, 300.0, 0.93),
    "ms": Tissue(1200.0, 170.0, 0.76),
    "ms_active": Tissue(1200.0, 170.0, 0.76),
}


def spin_echo(
    t1: np.ndarray, t2: np.ndarray, pd: np.ndarray, *, tr: float, te: float
) -> np.ndarray:
    """Spin echo: S = pd (1 - exp(-TR / T1)) exp(-TE / T2), times in ms."""
    return pd * -np.expm1(-tr / t1) * np.exp(-te / t2)


def inversion_recovery(
    t1: np.ndarray, t2: np.ndarray, pd: np.ndarray, *, tr: float, te: float, ti: float
) -> np.ndarray:
    """Inversion recovery, magnitude: S = pd |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2).

    Times in ms, TE short against TR. With TI = `null_time` of a tissue that tissue is dark: FLAIR
    does so to CSF.
    """
    along = 1 - 2 * np.exp(-ti / t1) + np.exp(-tr / t1)
    return pd * np.abs(along) * np.exp(-te / t2)


def null_time(t1: float, tr: float) -> float:
    """Inversion time in ms at which a tissue gives no signal: T1 ln(2 / (1 + exp(-TR / T1)))."""
    return float(t1 * np.log(2 / (1 + np.exp(-tr / t1))))


def spoiled_gradient_echo(
    t1: np.ndarray, t2: np.ndarray, pd: np.ndarray, *, tr: float, flip: float
) -> np.ndarray:
    """Spoiled gradient echo (FLASH, SPGR): S = pd sin a (1 - E) / (1 - E cos a), E = exp(-TR / T1).

    TR in ms, flip angle a in degrees. The echo time is short: exp(-TE / T2*) counts as the same for
    all tissues and is left out, so `t2` has no part. Largest where cos a = E (Ernst's angle).
    """
    angle, kept = np.deg2rad(flip), np.exp(-tr / t1)
    return pd * np.sin(angle) * (1 - kept) / (1 - kept * np.cos(angle))


def t1_with_contrast(
    t1: np.ndarray, concentration: np.ndarray, relaxivity: float = R1_GADOBUTROL
) -> np.ndarray:
    """T1 in ms with a contrast agent: 1 / T1' = 1 / T1 + r1 C.

    Args:
        t1: without the agent, in ms.
        concentration: C, in mM; 0 changes nothing.
        relaxivity: r1, in 1/(s mM).
    """
    return 1 / (1 / t1 + relaxivity * concentration / 1000)


def rician(signal: np.ndarray, sigma: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Magnitude of a complex signal with noise: |S + sigma (n1 + i n2)|.

    Where S = 0 this is Rayleigh noise, of mean sigma sqrt(pi / 2); where S is large it is nearly
    Gaussian, and E S'^2 = S^2 + 2 sigma^2 everywhere.

    Args:
        signal: any shape, 0 or more.
        sigma: of each part, in the signal's unit.
        noise: (2, *signal), standard normal numbers n1 and n2.
    """
    return np.hypot(signal + sigma * noise[0], sigma * noise[1])


@dataclass(frozen=True)
class Scanner:
    """Sequences and faults of one scanner: times in ms, flip angle in degrees.

    T1 and T1c are spoiled gradient echoes, T2 and PD spin echoes, FLAIR an inversion recovery whose
    inversion time nulls the table's CSF.

    Attributes:
        t1_tr: with `t1_flip`, of T1 and T1c.
        t1_flip: in degrees.
        t2: (TR, TE).
        pd: (TR, TE).
        flair: (TR, TE).
        noise: standard deviation of each part of the noise, as a share of white matter's signal.
        bias: standard deviation of the coil's slow shading, on a logarithmic scale.
        fat: share of the signal of fat and marrow that fat suppression leaves.
    """

    t1_tr: float = 20.0
    t1_flip: float = 35.0
    t2: tuple[float, float] = (5000.0, 90.0)
    pd: tuple[float, float] = (4000.0, 15.0)
    flair: tuple[float, float] = (9000.0, 90.0)
    noise: float = 0.04
    bias: float = 0.06
    fat: float = 0.4

    @property
    def flair_ti(self) -> float:
        """Inversion time, in ms."""
        return null_time(TISSUES["csf"].t1, self.flair[0])

    def signal(
        self, contrast: str, t1: np.ndarray, t2: np.ndarray, pd: np.ndarray
    ) -> np.ndarray:
        """Signal of tissues in one contrast, in units of fully relaxed pure water."""
        if contrast in ("t1", "t1c"):
            return spoiled_gradient_echo(t1, t2, pd, tr=self.t1_tr, flip=self.t1_flip)
        if contrast == "flair":
            tr, te = self.flair
            return inversion_recovery(t1, t2, pd, tr=tr, te=te, ti=self.flair_ti)
        if contrast in ("t2", "pd"):
            tr, te = getattr(self, contrast)
            return spin_echo(t1, t2, pd, tr=tr, te=te)
        raise ValueError(f"contrast must be one of {CONTRASTS}; got {contrast!r}")


CONTRASTS = ("t1", "t2", "pd", "flair", "t1c")

# All times, angles and strengths are choices, within what hospitals use at 3 T.
SCANNERS = {
    "a": Scanner(),
    "b": Scanner(t1_tr=25.0, t1_flip=25.0, t2=(4000.0, 110.0), pd=(3000.0, 25.0),
                 flair=(8000.0, 120.0), noise=0.07, bias=0.12, fat=1.0),
    "c": Scanner(t1_tr=12.0, t1_flip=30.0, t2=(6500.0, 75.0), pd=(5000.0, 10.0),
                 flair=(11000.0, 80.0), noise=0.025, bias=0.04),
}  # fmt: skip
