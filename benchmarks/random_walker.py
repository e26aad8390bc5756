"""The random walker beside scikit-image: noisy spheres, 0.3% of voxels seeded, tolerance 1e-3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.case import Call, Case
from medtutor.kernels.random_walker import random_walker, random_walker_reference

SHARE = 0.003       # of the voxels are seeds
NOISE = 0.2         # beside a step of 1 between the least and the largest label


def cases(device: str) -> Iterator[Case]:
    """Volumes and an image, two or four labels.

    scikit-image's mode is cg_j: of its modes the fastest or, at 128^3, as fast as cg_mg within a
    few in a hundred. It solves one system a label, ours one less, with the same tolerance of each
    residual; labels agree on 99.9% of the voxels or more. The reference is the same method with
    Jacobi in plain torch. Bytes: image and seeds read, probabilities and labels written, once, so
    the floor is that of a method without iterations.
    """
    if device == "cuda":
        for size in (128, 256):
            yield case((size,) * 3, 2, device)
        return
    for size in (32, 64, 96, 128):
        yield case((size,) * 3, 2, device)
    yield case((64,) * 3, 2, device, preconditioner="jacobi")
    yield case((128,) * 3, 4, device)
    yield case((512, 512), 2, device)


def case(shape: tuple[int, ...], labels: int, device: str,
         preconditioner: str = "multigrid") -> Case:
    """One image; where 10 volumes of float32 and the labels are the limit, it is for two labels."""
    image, seeds = (values.to(device) for values in drawn(shape, labels))
    voxels = image.numel()
    size = f"{shape[0]}^{len(shape)}"
    volume = len(shape) == 3 and shape[0] >= 64
    wanted: dict[str, float] = {"scikit-image": 6} if volume and device == "cpu" else {}
    if wanted and labels == 2:
        wanted["megabytes"] = (10 + 1) * 4 * voxels / 1e6
    peers: dict[str, Callable[[], Call]] = {}
    if device == "cpu":
        peers["scikit-image"] = partial(scikit_image, image, seeds)
    if device == "cuda" or shape[0] == 32:
        peers["reference"] = partial(plain, image, seeds, labels)
    name = "" if preconditioner == "multigrid" else f", {preconditioner}"
    return Case("random_walker", f"{size} float32, {labels} labels{name}",
                voxels * 4 * (3 + labels),
                partial(random_walker, image, seeds, preconditioner=preconditioner), peers, wanted)


def drawn(shape: tuple[int, ...], labels: int) -> tuple[Tensor, Tensor]:
    """Image and seeds (int32): three spheres for each label but the first, which is around them."""
    draw = torch.Generator().manual_seed(0)
    size = torch.tensor(shape)
    axes = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
    truth = torch.ones(shape, dtype=torch.int32)
    for label in range(2, labels + 1):
        for _ in range(3):
            centre = (0.2 + 0.6 * torch.rand(len(shape), generator=draw)) * size
            radius = (0.1 + 0.1 * torch.rand((), generator=draw)) * min(shape)
            square = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
            truth[square < radius**2] = label
    image = truth / (labels - 1) + NOISE * torch.randn(shape, generator=draw)
    return image, truth * (torch.rand(shape, generator=draw) < SHARE)


def scikit_image(image: Tensor, seeds: Tensor, mode: str = "cg_j") -> Call:
    """Labels and probabilities are one call each there: labels are taken."""
    from skimage.segmentation import random_walker as theirs

    return partial(theirs, image.numpy(), seeds.numpy(), mode=mode)


def plain(image: Tensor, seeds: Tensor, labels: int) -> Call:
    """The reference, in the image's own type."""
    return partial(random_walker_reference, image[None], seeds, labels, spacing=[1.0] * image.ndim)
