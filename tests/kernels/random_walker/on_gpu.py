"""Every function that launches a kernel, called on small CPU tensors: for compilation only."""

import numpy as np
import torch

from medtutor.kernels.random_walker import _launch as form
from medtutor.kernels.random_walker._solve import Grid


def calls():
    grid, coarse = Grid((5, 4, 3), None, []), Grid((3, 2, 2), None, [])
    image = torch.zeros(2, 5, 4, 3)
    seeds = torch.zeros(60, dtype=torch.int16)
    for level in (grid, coarse):
        level.edges = form.zeros(4, level, image)
    b, p, q, r, x, z = (form.zeros(2, grid, image) for _ in range(6))
    right = form.zeros(2, coarse, image)
    number, alive = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.bool)
    rates = (1.0, 1.0, 0.25)
    yield lambda: form.write_edges(image, seeds, 2.5, rates, grid)
    yield lambda: form.coarsen(grid, coarse, 0.75)
    yield lambda: form.residual(image, seeds, 2.5, rates, grid, x, r, 3)
    yield lambda: form.begin(torch.zeros(2, 60), seeds, grid, x)
    yield lambda: form.finish(x, seeds, grid, np.arange(3))
    yield lambda: form.multiply(grid, p, q, alive)
    yield lambda: form.update(grid, p, q, x, r, z, number, 0.8, alive)
    yield lambda: form.start(grid, b, x, 0.8, alive)
    yield lambda: form.smooth(grid, b, x, z, 0.8, alive)
    yield lambda: form.direction(z, p, number, grid, alive)
    yield lambda: form.restrict(grid, b, x, coarse, right, alive)
    yield lambda: form.prolong(coarse, right, grid, x, alive)
