"""Calls of every host function of the Triton form, for the compiler: no values are looked at."""

from functools import partial

import torch

from medtutor.kernels.warp import _triton

# Image, its type, components of u, zero outside, the label's type.
# Triton makes a constant of a size of 1, and knows of multiples of 16.
CASES = [
    ((2, 2, 16, 16, 16), torch.float32, 3, False, torch.uint8),
    ((2, 1, 1, 5, 7), torch.float16, 2, True, torch.int64),
    ((1, 1, 1, 1, 1), torch.bfloat16, 3, True, None),
]


def calls():
    for shape, dtype, axes, zero, kind in CASES:
        size = shape[2:]
        image, u = torch.zeros(shape, dtype=dtype), torch.zeros(shape[0], axes, *size)
        points = [min(n, 4) for n in size]
        control = torch.zeros(1, axes, *points)
        weights = [torch.zeros(n, g) for n, g in zip(size, points, strict=True)]
        label = torch.zeros(0 if kind is None else shape[0], *size, dtype=kind or torch.uint8)
        out = torch.empty_like(image), torch.empty_like(label)
        yield partial(_triton.warp, image, u, label, zero, *out)
        yield partial(_triton.warp_by_grid, image, control, weights, label, zero, *out)
        yield partial(_triton.of_image, image, image, u, zero)
        yield partial(_triton.of_displacement, image, image, u, zero)
        yield partial(_triton.of_image_by_grid, image, image, control, weights, zero)
        yield partial(_triton.of_control, image, image, control, weights, zero)
