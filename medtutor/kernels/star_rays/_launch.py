"""Launches of the kernels of `_triton.py`: what they are given, and in which blocks."""

from __future__ import annotations

import math

import torch
import triton
from torch import Tensor

from . import _op
from . import _triton as kernels


def _inputs(prob: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
    """Contiguous s and y; without a target any pointer will do."""
    prob = prob.contiguous()
    return prob, prob if target is None else target.to(torch.uint8).contiguous()


def _results(prob: Tensor) -> tuple[Tensor, Tensor]:
    empty = {"device": prob.device, "dtype": torch.float32}
    return torch.zeros(len(prob), **empty), torch.zeros(prob.shape, **empty)


def star_line_triton(
    prob: Tensor, centre: Tensor, target: Tensor | None, reach: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W), float32; a reach of 0 is all the way.

    Room is made for octants of any centre, since asking where it is would wait for the GPU: 16 to
    20 numbers a pixel of a square image.
    """
    batch, height, width = prob.shape
    value, gradient = _results(prob)
    if prob.numel() == 0:
        return value, gradient
    s, y = _inputs(prob, target)
    centre = centre.long().contiguous()
    rows, columns = max(height, width) - 1, min(height, width) - 1
    area = (columns + 1) * (columns + 2) // 2 + (rows - columns) * (columns + 1)
    lanes, gated = 8 * batch, target is not None
    packed = s.new_empty((3 if gated else 2, area, lanes), dtype=torch.float32)
    extent = s.new_empty(lanes, dtype=torch.int32)
    by_octant, slope = (s.new_empty((area, lanes), dtype=torch.float32) for _ in range(2))
    interpreted = triton.knobs.runtime.interpret     # which costs by program and step
    block = triton.next_power_of_2(lanes) if interpreted else 32
    tile, pixels = (64, 65536) if interpreted else (8, 512)
    grid = (rows + 1, columns + 1, triton.cdiv(lanes, block))
    kernels.octants_kernel[grid](
        s, y, centre, packed, extent, height, width, columns, area * lanes, lanes,
        GATED=gated, LANES=block, num_warps=1)
    kernels.pairs_kernel[grid](
        packed, extent, by_octant, slope, columns, area * lanes, lanes, reach or rows + 1,
        GATED=gated, ONE_SIDED=one_sided, LANES=block, TILE=tile, num_warps=2)
    kernels.collect_kernel[(triton.cdiv(height * width, pixels), batch)](
        slope, centre, gradient, height, width, columns, lanes, BLOCK=pixels)
    return by_octant.sum(0).view(batch, 8).sum(1), gradient


def star_neighbour_triton(
    prob: Tensor, centre: Tensor, target: Tensor | None, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W), float32."""
    batch, height, width = prob.shape
    value, gradient = _results(prob)
    if prob.numel() == 0:
        return value, gradient
    s, y = _inputs(prob, target)
    pixels = 65536 if triton.knobs.runtime.interpret else 256
    blocks = triton.cdiv(height * width, pixels)
    parts = value.new_empty(batch, blocks)
    kernels.neighbour_kernel[(blocks, batch)](
        s, y, centre.long().contiguous(), parts, gradient, height, width, blocks,
        GATED=target is not None, ONE_SIDED=one_sided, BLOCK=pixels)
    return parts.sum(1), gradient


def star_polar_triton(
    prob: Tensor, centre: Tensor, target: Tensor | None, rays: int, radii: int, one_sided: bool
) -> tuple[Tensor, Tensor]:
    """Value (B,) and gradient (B, H, W), float32."""
    batch, height, width = prob.shape
    value, gradient = _results(prob)
    if prob.numel() == 0:
        return value, gradient
    s, y = _inputs(prob, target)
    unit, density = _op.ray_directions(rays, prob.device)
    directions = torch.column_stack((unit, density * (2 * math.pi / rays))).float().contiguous()
    parts = value.new_empty(batch, rays)
    samples = triton.next_power_of_2(radii)
    chunk = samples if triton.knobs.runtime.interpret else max(1, min(samples, 2048 // samples))
    kernels.rays_kernel[(rays, batch)](
        s, y, centre.float().contiguous(), directions, parts, gradient, height, width, rays, radii,
        GATED=target is not None, ONE_SIDED=one_sided, RADII=samples, CHUNK=chunk, num_warps=4)
    return parts.sum(1), gradient
