"""New labelled images from one labelled image, by physical and statistical warps.

G. Hamarneh, P. Jassi, L. Tang: Simulation of ground-truth validation data via physically- and
statistically-based warps. MICCAI 2008.

Read in this order: control_grid (points and spline), physical_modes and elements (what any body
does), shape_model (what examples show), blend (both), warp (draw, then apply), intensity (bias and
noise), correspondence (label maps to displacements), augment (in the training loop). population
makes shapes with known variation; released_tool is the published program's own loop.
"""

from .augment import WarpBank, flip
from .blend import (
    AlphaChoice,
    alpha_for,
    blend_covariance,
    blend_displacements,
    choose_alpha,
)
from .control_grid import ControlGrid, spline_weights
from .correspondence import boundary_points, displacements_to, fit_displacement
from .elements import element_matrices
from .intensity import BiasField, add_noise, draw_bias_field, rescaled
from .physical_modes import (
    VibrationalModes,
    near_pairs,
    paper_code_matrix,
    spring_matrix,
    vibrational_modes,
)
from .population import ShapePopulation
from .released_tool import ReleasedSamples, released_samples
from .shape_model import ShapeModel, modes_kept, variational_pca
from .warp import FoldedWarp, Simulated, Warp, draw_warp, simulate

__all__ = [
    "AlphaChoice",
    "BiasField",
    "ControlGrid",
    "FoldedWarp",
    "ReleasedSamples",
    "ShapeModel",
    "ShapePopulation",
    "Simulated",
    "VibrationalModes",
    "Warp",
    "WarpBank",
    "add_noise",
    "alpha_for",
    "blend_covariance",
    "blend_displacements",
    "boundary_points",
    "choose_alpha",
    "displacements_to",
    "draw_bias_field",
    "draw_warp",
    "element_matrices",
    "fit_displacement",
    "flip",
    "modes_kept",
    "near_pairs",
    "paper_code_matrix",
    "rescaled",
    "released_samples",
    "simulate",
    "spline_weights",
    "spring_matrix",
    "variational_pca",
    "vibrational_modes",
]
