"""Random walker (Grady, 2006): how probable it is that a walk from a voxel meets a label first.

A walker steps to one of the six (in 2D four) neighbours, with a probability in proportion to the
edge's weight; edges are weak where the image changes:

    w_ij = exp(-beta' |I_i - I_j|² / h²) + 1e-10,    beta' = beta / (10 std(I) sqrt(C))

With x = 1 on the seeds of a label and 0 on all other seeds, its probability at the unknown voxels
solves a linear system: each unknown voxel is the weighted mean of its neighbours,

    sum_j w_ij (x_i - x_j) = 0      or A x = b, with b_i the sum of the edges to the label's seeds

A is symmetric and positive definite. It is never stored as a matrix: three weights a voxel say all.
Conjugate gradients solve for all labels but the last, whose probability is what remains of 1.

Bytes that must move: image and seeds read, probabilities and labels written, once; and in each
iteration four volumes of edges a pass, once for all labels, and about eight (Jacobi) or fifteen
(multigrid) passes over vectors a label.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from medtutor.kernels import dispatch


class RandomWalk(NamedTuple):
    """What `random_walker` found.

    Attributes:
        probabilities: (L, *S), summing to 1; 0 outside. Pass it as `start` when seeds change.
        labels: (*S), the most probable label, 1 to L, or -1 outside; of the seeds' type.
        iterations: (), integer, of conjugate gradients for all labels together.
        residual: (L,) float64, |b - A x| / |b| of each label, computed in double precision.
    """

    probabilities: Tensor
    labels: Tensor
    iterations: Tensor
    residual: Tensor


def random_walker_reference(image: Tensor, seeds: Tensor, labels: int, *, beta: float = 130.0,
                            spacing: list[float], tolerance: float = 1e-3,
                            start: Tensor | None = None, max_iterations: int = 1000) -> RandomWalk:
    """The same with plain tensors: slices for the edges, conjugate gradients label by label.

    Args:
        image: (C, *S), floating; computed in its own type.
        seeds: (*S), as `random_walker`, without isolated unknown voxels.
        labels: L.
        beta: of the weights.
        spacing: one an axis.
        tolerance: of the residual, relative to |b|.
        start: (L, *S), first guess.
        max_iterations: of one label.
    """
    from medtutor.kernels.random_walker._op import weight_scale

    axes = range(seeds.ndim)
    scale, unknown = weight_scale(image, beta), seeds == 0

    def weights(axis: int) -> Tensor:
        square = image.diff(dim=axis + 1).square().sum(0) / spacing[axis] ** 2
        inside = seeds >= 0
        size = seeds.shape[axis]
        both = inside.narrow(axis, 0, size - 1) & inside.narrow(axis, 1, size - 1)
        return (torch.exp(-scale * square) + 1e-10) * both      # one fewer along the axis

    edges = [weights(axis) for axis in axes]

    def laplacian(x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for axis, w in zip(axes, edges, strict=True):
            flow = w * x.diff(dim=axis)
            pad = [0, 0] * (x.ndim - axis - 1)
            total = total + (torch.nn.functional.pad(flow, [*pad, 1, 0])
                             - torch.nn.functional.pad(flow, [*pad, 0, 1]))
        return total * unknown

    one = torch.ones_like(image[0])
    degree = sum((torch.nn.functional.pad(w, [*([0, 0] * (one.ndim - axis - 1)), 1, 0])
                  + torch.nn.functional.pad(w, [*([0, 0] * (one.ndim - axis - 1)), 0, 1])
                  for axis, w in zip(axes, edges, strict=True)), torch.zeros_like(one))
    inverse = unknown / degree.where(unknown, one)
    solutions, steps = [], 0
    for label in range(1, labels):
        x = (seeds == label).to(image)                          # the seeds' values stay as they are
        goal = tolerance * laplacian(x).norm()
        if start is not None:
            x = torch.where(unknown, start[label - 1].to(x), x)
        r = -laplacian(x)
        p, product = torch.zeros_like(x), one.sum()
        for _ in range(max_iterations):
            if r.norm() <= goal:
                break
            z = inverse * r
            p, product = z + (r * z).sum() / product * p, (r * z).sum()
            q = laplacian(p)
            step = product / (p * q).sum()
            x, r = x + step * p, r - step * q
            steps += 1
        solutions.append(x)
    return _collect(solutions, one, seeds, laplacian, steps)


def _collect(solutions, one, seeds, laplacian, steps) -> RandomWalk:
    """The last label, residuals, clipping to [0, 1]."""
    inside = seeds >= 0
    solutions = [*solutions, one - sum(solutions)]
    residual = [laplacian(x).norm() / laplacian((seeds == k).to(x)).norm()
                for k, x in enumerate(solutions, 1)]
    stack = torch.stack(solutions).clamp(0, 1)
    stack = stack / stack.sum(0) * inside
    found = torch.where(inside, stack.argmax(0) + 1, -1).to(seeds.dtype)
    return RandomWalk(stack, found, torch.tensor(steps),
                      torch.stack(residual).nan_to_num(0.0).double().cpu())


def random_walker(image: Tensor, seeds: Tensor, *, beta: float = 130.0,
                  spacing: tuple[float, ...] | None = None, tolerance: float = 1e-3,
                  preconditioner: str = "multigrid", start: Tensor | None = None,
                  classes: int | None = None, max_iterations: int = 1000) -> RandomWalk:
    """Spread labelled seeds over an image by the random walker (Grady, 2006).

    The probability x of a label is 1 on its seeds, 0 on others', and elsewhere the weighted mean of
    its neighbours: sum_j w_ij (x_i - x_j) = 0, with w_ij = exp(-beta' |I_i - I_j|² / h²) + 1e-10
    and beta' = beta / (10 std(I) sqrt(C)), std over all voxels and channels.

    Limits: a constant image gives harmonic functions (along a chain of voxels, straight lines);
    beta = 0 the same. Probabilities lie in [0, 1] and sum to 1.
    A small residual says little about a region that only very weak edges join to seeds (a closed
    barrier of the image): its probabilities may be off while |b - A x| is small. Multigrid is
    nearer there than Jacobi; for an exact answer pass a float64 image and a small tolerance.
    Not differentiable. Float16 and bfloat16 images are computed in float32.

    Departures from the paper: weights as scikit-image scales them, so that its `beta` can be
    used (the paper divides by the largest squared difference); all labels but the last are solved
    for; `tolerance` is relative to |b|, as there. Seeds of -1 lie outside, as there, and unknown
    voxels that they cut off from all seeds become -1 too. Where scikit-image divides by zero, at a
    constant image, all weights are 1.

    Args:
        image: (*S) or (C, *S), two or three axes in space, floating and finite. Its scale matters.
        seeds: (*S), integers: 0 unknown, 1 to L a label, -1 outside. Each label has a seed.
        beta: at least 0; the larger, the harder an edge of the image is to cross.
        spacing: between voxels along each axis, > 0; divides the image's differences. Default 1.
        tolerance: of |b - A x| / |b|, in (0, 1), checked in double precision. About 1e-6 is the
            least that float32 reaches; for less, pass a float64 image.
        preconditioner: "multigrid" (a V-cycle; iterations hardly grow with the grid or with the
            distance to seeds) or "jacobi" (cheap steps; as good where seeds are dense).
        start: (L, *S), probabilities to start from, such as the last result's.
        classes: L. Default: the largest seed, which torch.compile cannot trace.
        max_iterations: of conjugate gradients; a warning says when they do not do.

    Returns:
        `RandomWalk`: probabilities, labels, iterations, residual.

    Raises:
        ValueError: for shapes, types or values that are not as above, and a label without a seed.
    """
    space = tuple(seeds.shape)
    _check(image, seeds, space, tolerance, preconditioner, beta, max_iterations)
    steps = [1.0] * len(space) if spacing is None else [float(step) for step in spacing]
    if len(steps) != len(space) or min(steps) <= 0:
        raise ValueError(f"spacing must hold {len(space)} positive numbers, got {spacing}")
    labels = int(seeds.max()) if classes is None else classes
    if start is not None and tuple(start.shape) != (labels, *space):
        raise ValueError(f"start must be (L, *S) = {(labels, *space)}, got {tuple(start.shape)}: "
                         "pass the probabilities of a result with the same labels")
    if image.dtype in (torch.float16, torch.bfloat16):
        image = image.float()
    if image.shape == seeds.shape:
        image = image[None]                                                     # (1, *S)
    if dispatch.has_fast_form(image, seeds):
        from medtutor.kernels.random_walker._op import random_walker_op

        return RandomWalk(*random_walker_op(image, seeds, start, labels, beta, steps, tolerance,
                                            preconditioner == "multigrid", max_iterations))
    from medtutor.kernels.random_walker._op import check_values, without_isolated

    check_values(seeds, labels, start)
    return random_walker_reference(image, without_isolated(seeds), labels, beta=beta, spacing=steps,
                                   tolerance=tolerance, start=start, max_iterations=max_iterations)


def _check(image: Tensor, seeds: Tensor, space: tuple[int, ...], tolerance: float,
           preconditioner: str, beta: float, max_iterations: int) -> None:
    if len(space) not in (2, 3) or tuple(image.shape) not in {space, (*image.shape[:1], *space)}:
        raise ValueError(
            "image must be (*S) or (C, *S) and seeds (*S) with two or three axes in space, got "
            f"{tuple(image.shape)} and {space}: take the images of a batch one by one")
    if seeds.is_floating_point() or seeds.is_complex() or seeds.dtype == torch.bool:
        raise ValueError(f"seeds must be integers, got {seeds.dtype}: call seeds.long()")
    if not image.is_floating_point():
        raise ValueError(f"image must be floating, got {image.dtype}: scale it to about [0, 1] "
                         "first, since beta weighs its differences")
    if 0 in image.shape:
        raise ValueError(f"image must not be empty, got {tuple(image.shape)}")
    if image.requires_grad and torch.is_grad_enabled():
        raise ValueError("random_walker is not differentiable, and image requires a gradient: "
                         "pass image.detach()")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be in (0, 1), got {tolerance}")
    if preconditioner not in ("multigrid", "jacobi"):
        raise ValueError(f'preconditioner must be "multigrid" or "jacobi", got {preconditioner!r}')
    if not beta >= 0:
        raise ValueError(f"beta must be at least 0, got {beta}")
    if max_iterations < 0:
        raise ValueError(f"max_iterations must be at least 0, got {max_iterations}")
