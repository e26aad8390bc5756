"""The whole solve as one custom operator: what torch.compile and the devices see."""

from __future__ import annotations

import warnings
from math import isfinite, sqrt

import numpy as np
import torch
from torch import Tensor

PART = 1 << 16


def _solve(image: Tensor, seeds: Tensor, start: Tensor | None, labels: int, beta: float,
           spacing: list[float], tolerance: float, multigrid: bool,
           max_iterations: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Image (C, *S); see `random_walker`."""
    from medtutor.kernels.random_walker import _solve as solver

    counts = check_values(seeds, labels, start)
    scale = weight_scale(image, beta)
    space = tuple(seeds.shape)
    work = without_isolated(seeds).flatten().to(torch.int16, copy=True)
    order = put_last(work, counts)
    on_cpu = image.device.type == "cpu"
    if on_cpu:
        from medtutor.kernels.random_walker import _numba as form
    else:
        from medtutor.kernels.random_walker import _launch as form
        image = image.float()
    shape = space if len(space) == 3 else (space[0], 1, space[1])
    volume = image.contiguous().reshape(-1, *shape)
    first = None if start is None else start.to(volume).contiguous()[order[:-1]].flatten(1)
    if on_cpu:
        arrays = [volume.numpy(), work.numpy(), None if first is None else first.numpy()]
    else:
        arrays = [volume, work, first]
    rates = [1 / step**2 for step in spacing]
    rates = tuple(rates if len(space) == 3 else (rates[0], 1.0, rates[1]))
    x, grid, taken, relative = solver.solve(
        form, arrays[0], arrays[1], labels, scale, rates, tolerance, multigrid, arrays[2],
        max_iterations)
    if relative.max(initial=0) > tolerance:
        warnings.warn(
            f"random_walker stopped at a relative residual of {relative.max():.1e} after {taken} "
            f"iterations, above the tolerance {tolerance:.1e}: allow more max_iterations, or pass "
            "a float64 image where float32 cannot do better", stacklevel=2)
    grid.edges = None    # its memory is free before the result's is taken
    probabilities, found = form.finish(x, arrays[1], grid, order)
    if on_cpu:
        probabilities, found = torch.from_numpy(probabilities), torch.from_numpy(found)
    return (probabilities.reshape(labels, *space), found.reshape(space).to(seeds.dtype),
            torch.tensor(taken), torch.from_numpy(relative[order.argsort()]))


def check_values(seeds: Tensor, labels: int, start: Tensor | None) -> Tensor:
    """Refuse seeds and a start that cannot be solved with; how many seeds each label has."""
    if start is not None and not bool(start.isfinite().all()):
        raise ValueError("start must be finite, got NaN or infinity: pass start=None")
    if not 1 <= labels < 2**15:
        raise ValueError(f"seeds must hold labels from 1 to at most {2**15 - 1}, got {labels}")
    counts = torch.zeros(labels + 1, dtype=torch.int64, device=seeds.device)
    for part in seeds.flatten().split(PART):
        found = torch.bincount(part.clamp(min=0), minlength=labels + 1)
        if len(found) > labels + 1:
            raise ValueError(f"seeds hold the label {len(found) - 1}, classes is {labels}: "
                             "raise classes")
        counts += found
    missing = (counts[1:] == 0).nonzero().flatten().add(1).tolist()
    if missing:
        raise ValueError(f"each label from 1 to {labels} needs a seed; there is none of {missing}: "
                         "add seeds, or number the labels without gaps")
    return counts[1:]


def put_last(seeds: Tensor, counts: Tensor) -> np.ndarray:
    """Swap the label with the most seeds and the last, in place; which label each one now is.

    The last label is not solved for: its residual is that of all others together, and should be
    compared with a large right side.
    """
    labels, most = len(counts), int(counts.argmax())
    order = np.arange(labels)
    if most != labels - 1:
        for part in seeds.split(PART):
            largest, last = part == most + 1, part == labels
            part[largest] = labels
            part[last] = most + 1
        order[[most, -1]] = order[[-1, most]]
    return order


def weight_scale(image: Tensor, beta: float) -> float:
    """What beta becomes: beta / (10 std sqrt(C)), as in scikit-image.

    0 for a constant image: all weights are 1. In parts, so that no copy in double precision stays.
    """
    wide = torch.float32 if image.device.type == "mps" else torch.float64
    parts = image.flatten().split(PART)
    mean = sum(float(part.to(wide).sum()) for part in parts) / image.numel()
    square = sum(float((part.to(wide) - mean).square().sum()) for part in parts) / image.numel()
    if not isfinite(square):
        raise ValueError("image must be finite, got NaN or infinity: replace them, or mark those "
                         "voxels with seeds of -1 and any finite value")
    return beta / (10 * sqrt(square * image.shape[0])) if square > 0 else 0.0


def without_isolated(seeds: Tensor) -> Tensor:
    """All below 0, and unknown voxels that no path joins to a seed, become -1.

    A path does not cross them, and only they can cut a region off. The search is scipy's, on
    the CPU.
    """
    if int(seeds.min()) >= 0:
        return seeds
    from scipy.ndimage import label

    values = seeds.cpu().numpy()
    regions, count = label(values >= 0)
    reached = torch.zeros(count + 1, dtype=torch.bool)
    reached[torch.from_numpy(regions[values > 0]).long()] = True
    inside = reached[torch.from_numpy(regions).long()].to(seeds.device)
    return torch.where(inside | (seeds > 0), seeds, -1)


random_walker_op = torch.library.custom_op(
    "medtutor::random_walker", _solve, mutates_args=(), device_types="cpu")
random_walker_op.register_kernel("cuda")(_solve)


@random_walker_op.register_fake
def _(image, seeds, start, labels, beta, spacing, tolerance, multigrid, max_iterations):
    kind = torch.float64 if image.dtype == torch.float64 else torch.float32
    space = tuple(seeds.shape)
    return (image.new_empty((labels, *space), dtype=kind), torch.empty_like(seeds),
            torch.empty((), dtype=torch.int64), torch.empty(labels, dtype=torch.float64))
