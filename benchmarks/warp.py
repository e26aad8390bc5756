"""Warps of an image and its label: sampled and applied in one go, dense, and with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medtutor.kernels.warp import warp, warp_by_grid

from .case import Call, Case

POINTS = 8           # control points along an axis
SIGMA = 3.0          # voxels, of each control point's displacement


def cases(device: str) -> Iterator[Case]:
    """Image float32 and label uint8; bytes count the image and the label read and written.

    "sample + warp" draws the deformation, too. Packages draw it by laws of their own, of about the
    same smoothness: MONAI blurs noise (sigma 8 voxels), batchgeneratorsv2 does so by FFT (sigma
    1/16 of the side), SimpleITK and TorchIO take cubic B-splines of as many control points. Only
    the composition in torch, grid_sample, computes what ours does from a linear grid.
    """
    many = device == "cuda"
    for size in (128,) if many else (64, 128, 192):
        batch = 16 if many else 1
        image, label = pair(batch, (size,) * 3, device)
        where = f"{batch} x 1 x {size}^3"
        peers = {"grid_sample": partial(composed, image, label)}
        if not many:
            peers |= {name: partial(make, image[0], label) for name, make in PACKAGES.items()}
        goals = {"monai": 50, "torchio": 50, "batchgeneratorsv2": 12, "grid_sample": 4}
        for spline in ("linear", "cubic"):
            yield Case("warp", f"sample + warp, {spline} grid, {where}", 10 * image.numel(),
                       partial(sampled, image, label, spline), peers,
                       goals if size == 128 and not many else {})
    for size in (128,) if many else (64, 128):
        batch = 16 if many else 1
        yield from dense(batch, (size,) * 3, device, f"{batch} x 1 x {size}^3",
                         {"grid_sample": 5} if size == 128 and not many else {})
    batch = 256 if many else 16
    yield from dense(batch, (256, 256), device, f"{batch} x 1 x 256^2", {})


def dense(
    batch: int, size: tuple[int, ...], device: str, where: str, wanted: dict[str, float]
) -> Iterator[Case]:
    """A displacement at every voxel: the pair forward, the image forward and backward."""
    image, label = pair(batch, size, device)
    u = smooth(batch, size, device)
    yield Case("warp", f"dense, {where}", 10 * image.numel() + 4 * u.numel(),
               partial(warp, image, u, label),
               {"grid_sample": partial(both, image, label, u)}, wanted)
    # read image and u and write new; read them and its gradient and write both gradients
    yield Case("warp", f"dense, gradients, {where}", 20 * image.numel() + 12 * u.numel(),
               gradients(warp, image, u),
               {"grid_sample": lambda: gradients(one, image, u)})


def pair(batch: int, size: tuple[int, ...], device: str) -> tuple[Tensor, Tensor]:
    """Noise as image, and blocks of 8 voxels of four labels."""
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 1, *size, generator=draw)
    blocks = torch.randint(4, (batch, *(n // 8 for n in size)), generator=draw)
    for axis in range(1, blocks.ndim):
        blocks = blocks.repeat_interleave(8, axis)
    return image.to(device), blocks.to(torch.uint8).to(device)


def drawn(batch: int, axes: int, device: torch.device | str) -> Tensor:
    """Displacements of the control points, in voxels."""
    return SIGMA * torch.randn(batch, axes, *[POINTS] * axes, device=device)


def smooth(batch: int, size: tuple[int, ...], device: str) -> Tensor:
    """A dense displacement, linear between control points."""
    draw = torch.Generator().manual_seed(1)
    control = SIGMA * torch.randn(batch, len(size), *[POINTS] * len(size), generator=draw)
    return enlarged(control, size).to(device)


def sampled(image: Tensor, label: Tensor, spline: str) -> tuple[Tensor, Tensor]:
    """Ours: draw and warp."""
    control = drawn(len(image), image.ndim - 2, image.device)
    return warp_by_grid(image, control, label, spline=spline)  # type: ignore[return-value]


def enlarged(control: Tensor, size: tuple[int, ...]) -> Tensor:
    """The dense displacement of a linear grid."""
    mode = "trilinear" if len(size) == 3 else "bilinear"
    return functional.interpolate(control, size, mode=mode, align_corners=True)


def places(u: Tensor) -> Tensor:
    """What grid_sample wants: x + u between -1 and 1, axes last and in reverse order."""
    axes = []
    for axis, n in enumerate(u.shape[2:]):
        x = torch.arange(n, device=u.device, dtype=u.dtype)
        x = x.view([-1 if a == axis else 1 for a in range(u.ndim - 2)])
        axes.append((x + u[:, axis]) * (2 / (n - 1)) - 1)
    return torch.stack(axes[::-1], -1)


def at(values: Tensor, grid: Tensor, mode: str) -> Tensor:
    """grid_sample, as every call here takes it."""
    return functional.grid_sample(values, grid, mode, "border", align_corners=True)


def composed(image: Tensor, label: Tensor) -> Call:
    """In torch: enlarge the control grid, sample the image, sample the label as float."""
    size, labels = tuple(image.shape[2:]), label[:, None].to(image)

    def call() -> tuple[Tensor, Tensor]:
        grid = places(enlarged(drawn(len(image), len(size), image.device), size))
        return at(image, grid, "bilinear"), at(labels, grid, "nearest")[:, 0].to(label)

    return call


def both(image: Tensor, label: Tensor, u: Tensor) -> Call:
    """grid_sample twice; its grid and the label as float are given to it, not counted."""
    grid, labels = places(u), label[:, None].to(image)
    return lambda: (at(image, grid, "bilinear"), at(labels, grid, "nearest"))


def one(image: Tensor, u: Tensor) -> Tensor:
    """`warp` of an image in torch."""
    return at(image, places(u), "bilinear")


def gradients(form: Callable[..., Any], image: Tensor, u: Tensor) -> Call:
    """The new image, and the gradients of its sum with weights to the image and to u."""
    image, u = (t.detach().clone().requires_grad_() for t in (image, u))
    weight = torch.rand(image.shape, generator=torch.Generator().manual_seed(2)).to(image.device)

    def call() -> tuple[Tensor, ...]:
        new = form(image, u)
        return new.detach(), *torch.autograd.grad(new, (image, u), weight)

    return call


def monai(image: Tensor, label: Tensor) -> Call:
    """Rand3DElasticd, always applied."""
    from monai.transforms import Rand3DElasticd

    transform = Rand3DElasticd(
        ("image", "label"), sigma_range=(8, 8), magnitude_range=(60, 60), prob=1,
        mode=("bilinear", "nearest"), padding_mode="border")
    return lambda: transform({"image": image, "label": label})


def torchio(image: Tensor, label: Tensor) -> Call:
    """RandomElasticDeformation with as many control points; it keeps two at each border still."""
    import torchio

    transform = torchio.RandomElasticDeformation(num_control_points=POINTS, max_displacement=5)
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=image), label=torchio.LabelMap(tensor=label))
    return lambda: transform(subject)


def batchgeneratorsv2(image: Tensor, label: Tensor) -> Call:
    """SpatialTransform with an elastic deformation only, and labels taken from the nearest."""
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    size = tuple(image.shape[1:])
    transform = SpatialTransform(
        size, 0, False, p_elastic_deform=1, elastic_deform_scale=1 / 16,
        elastic_deform_magnitude=3 * SIGMA, mode_seg="nearest", border_mode_seg="border",
        padding_mode_image="border")
    return lambda: transform(image=image, segmentation=label)


def simpleitk(image: Tensor, label: Tensor) -> Call:
    """A BSplineTransform of as many control points, and Resample twice; in one thread."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    old, labels = (sitk.GetImageFromArray(t[0].numpy()) for t in (image, label))
    transform = sitk.BSplineTransformInitializer(old, [POINTS - 3] * 3, 3)

    def call() -> tuple[Any, Any]:
        control = SIGMA * torch.randn(len(transform.GetParameters()), dtype=torch.float64)
        transform.SetParameters(control.tolist())
        return (sitk.Resample(old, old, transform, sitk.sitkLinear),
                sitk.Resample(labels, labels, transform, sitk.sitkNearestNeighbor))

    return call


PACKAGES: dict[str, Callable[[Tensor, Tensor], Call]] = {
    "monai": monai, "torchio": torchio, "batchgeneratorsv2": batchgeneratorsv2,
    "simpleitk": simpleitk,
}
