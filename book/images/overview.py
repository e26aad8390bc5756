"""Draw overview.png, the README's picture: one labelled head and three warps of it.

Run: .venv/bin/python book/images/overview.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from medtutor.course.figures import label_overlay
from medtutor.datasets.mni152 import load_mni152
from medtutor.experiment.seeds import generator
from medtutor.methods.training_data.deformations import (
    ControlGrid,
    ShapeModel,
    ShapePopulation,
    Warp,
    blend_covariance,
    draw_warp,
    variational_pca,
    vibrational_modes,
)

SEED, DEVIATION = 3, 4.0        # voxels, root-mean-square


def grid_lines(axes: plt.Axes, warp: Warp) -> None:
    """Draw where a regular mesh of the old image lies in the new one."""
    height, width = warp.grid.size
    for axis, other in ((height, width), (width, height)):
        for at in np.linspace(0.08, 0.92, 9) * (axis - 1):
            along = np.linspace(2, other - 3, 80)
            fixed = np.full_like(along, at)
            line = np.stack([fixed, along] if axis == height else [along, fixed], axis=1)
            y, x = warp.landmarks(line).T
            axes.plot(x, y, color="white", linewidth=0.6, alpha=0.7)


def main() -> None:
    """Draw the four panels."""
    image, label = load_mni152(resolution=1).slice_2d(axis=0, size=(224, 192))
    grid = ControlGrid(image.shape, points=6)
    physical = vibrational_modes(grid)
    bent = ShapeModel(np.zeros(grid.length), physical.vectors, physical.variances)
    examples = ShapePopulation(grid, swelling=(6, 4), rest=0.5)
    seen = variational_pca(examples.draw(10, generator(SEED, "examples")))
    models = {
        "physical: what any body does": bent.scaled(DEVIATION),
        "statistical: what ten examples show": seen.scaled(DEVIATION),
        "both, half and half": blend_covariance(seen, physical, 0.5, deviation=DEVIATION),
    }
    warps = {"one labelled image": Warp(grid, np.zeros(grid.length))}
    for name, model in models.items():
        warps[name] = draw_warp(model, grid, generator(SEED, "draw"), least=0.3)
    names = {1: "grey matter", 2: "white matter"}
    figure, panels = plt.subplots(1, 4, figsize=(13, 4.1), layout="constrained")
    for axes, (name, warp) in zip(panels, warps.items(), strict=True):
        label_overlay(warp.image(image, order=1), warp.label(label), axes=axes, names=names,
                      legend=False)
        grid_lines(axes, warp)
        axes.set_xlim(0, image.shape[1] - 1)
        axes.set_ylim(image.shape[0] - 1, 0)
        axes.set_title(name, fontsize=12)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=90, metadata={"Software": None},
                   pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
