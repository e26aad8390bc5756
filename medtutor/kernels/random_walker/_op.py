"""The whole solve as one custom operator: what torch.compile and the devices see."""

from __future__ import annotations

import warnings
from math import sqrt

import numpy as np
import torch
from torch import Tensor


def _solve(image: Tensor, seeds: Tensor, start: Tensor | None, labels: int, beta: float,
           spacing: list[float], tolerance: float, multigrid: bool,
           max_iterations: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Image (C, *S); see `random_walker`."""
    from medtutor.kernels.random_walker import _solve as solver

    _check_values(image, seeds, labels, start)
    space = tuple(seeds.shape)
    work = torch.where(seeds < 0, -1, without_isolated(seeds)).flatten().to(torch.int16)
    order = _put_last(work, labels)
    on_cpu = image.device.type == "cpu"
    if on_cpu:
        from medtutor.kernels.random_walker import _numba as form
    else:
        from medtutor.kernels.random_walker import _launch as form
        image = image.float()
    shape = space if len(space) == 3 else (space[0], 1, space[1])
    volume = image.contiguous().reshape(-1, *shape)
    first = None if start is None else start.to(volume).contiguous()[order[:-1]].flatten(1)
    scale = weight_scale(image, beta)
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


def _put_last(seeds: Tensor, labels: int) -> np.ndarray:
    """Swap the label with the most seeds and the last, in place; which label each one now is.

    The last label is not solved for: its residual is that of all others together, and should be
    compared with a large right side.
    """
    order = np.arange(labels)
    counts = torch.bincount(seeds.clamp(min=0), minlength=labels + 1)[1:]
    most = int(counts.argmax())
    if most != labels - 1:
        largest, last = seeds == most + 1, seeds == labels
        seeds[largest] = labels
        seeds[last] = most + 1
        order[[most, -1]] = order[[-1, most]]
    return order


def _check_values(image: Tensor, seeds: Tensor, labels: int, start: Tensor | None) -> None:
    if not bool(image.isfinite().all()):
        raise ValueError("image must be finite, got NaN or infinity: replace them, or mark those "
                         "voxels with seeds of -1 and any finite value")
    if start is not None and not bool(start.isfinite().all()):
        raise ValueError("start must be finite, got NaN or infinity: pass start=None")
    counts = torch.bincount(seeds.clamp(min=0).flatten(), minlength=labels + 1)
    missing = (counts[1 : labels + 1] == 0).nonzero().flatten().add(1).tolist()
    if missing or labels < 1:
        raise ValueError(f"each label from 1 to {max(labels, 1)} needs a seed; there is none of "
                         f"{missing or [1]}: add seeds, or number the labels without gaps")
    if len(counts) > labels + 1:
        raise ValueError(f"seeds hold the label {len(counts) - 1}, classes is {labels}: "
                         "raise classes")
    if labels >= 2**15:
        raise ValueError(f"at most {2**15 - 1} labels, got {labels}")


def weight_scale(image: Tensor, beta: float) -> float:
    """What beta becomes: beta / (10 std sqrt(C)), as in scikit-image.

    0 for a constant image: all weights are 1.
    """
    deviation = float(image.double().std(correction=0)) if image.numel() else 0.0
    return beta / (10 * deviation * sqrt(image.shape[0])) if deviation > 0 else 0.0


def without_isolated(seeds: Tensor) -> Tensor:
    """Unknown voxels that no path joins to a seed become -1; a path does not cross -1.

    Only voxels of -1 can cut a region off. The search is scipy's, on the CPU.
    """
    if not bool((seeds < 0).any()):
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
