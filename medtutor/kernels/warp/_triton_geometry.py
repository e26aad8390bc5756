"""Where a voxel is pulled from, and what lies there: the parts that the GPU kernels share.

Along each axis, x + u has the corner i = floor(x + u) and t = u - floor(u); the two corners weigh
1 - t and t. Corners beyond an edge are moved onto it together with their weight, as on the CPU, so
that no load needs a look at edges. A displacement of two components stays in its plane.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def place_of(voxel, height, width):
    """z, y and x of a voxel of a volume."""
    row = voxel // width
    return row // height, row % height, voxel % width


@triton.jit
def displacement_at(
    vectors,    # dense: (B or 1, d, n) u; grid: (B or 1, lines, d, G) control mixed along z and y
    along_x,    # grid: (G, W) weights of the control points along the lines; dense: anything
    group, voxel, x, there, n, width, points,
    SOLID: tl.constexpr, GRID: tl.constexpr,
):
    """Displacement u at voxels; u_a = sum_k along_x[k, x] vectors[line, a, k] from a grid."""
    axes = 3 if SOLID else 2
    uz = tl.zeros_like(x).to(tl.float32)
    uy = uz
    ux = uz
    if GRID:
        line = group.to(tl.int64) * (n // width) + voxel // width
        at = vectors + line * points * axes
        for k in range(points):
            weight = tl.load(along_x + k * width + x, mask=there, other=0)
            if SOLID:
                uz += weight * tl.load(at + k, mask=there, other=0)
            uy += weight * tl.load(at + k + (axes - 2) * points, mask=there, other=0)
            ux += weight * tl.load(at + k + (axes - 1) * points, mask=there, other=0)
    else:
        at = vectors + group.to(tl.int64) * n * axes + voxel
        if SOLID:
            uz = tl.load(at, mask=there, other=0)
            at += n
        uy = tl.load(at, mask=there, other=0)
        at += n
        ux = tl.load(at, mask=there, other=0)
    return uz, uy, ux


@triton.jit
def locate(u, place, size, ZERO: tl.constexpr):
    """floor(x + u), x + round(u), and the two corners along one axis with their weights."""
    far = size + 1.0
    whole = tl.floor(u)
    t = u - whole
    whole = tl.where(whole > -far, whole, -far)          # NaN goes there as well
    index = place + tl.where(whole < far, whole, far).to(tl.int32)
    near = index + tl.where(t >= 0.5, 1, 0)
    first = tl.maximum(tl.minimum(index, size - 2), 0)
    second = tl.minimum(first + 1, size - 1)
    none = t * 0.0                                       # 0, and NaN for NaN
    if ZERO:
        below = tl.where(index == -1, t, none)
        above = tl.where(index == size - 1, 1 - t, none)
    else:
        below = tl.where(index < 0, 1 + none, none)
        above = tl.where(index < 0, none, 1 + none)
    inside = (index >= 0) & (index < size - 1)
    return index, near, first, second, tl.where(inside, 1 - t, below), tl.where(inside, t, above)


@triton.jit
def slopes(index, size, ZERO: tl.constexpr):
    """The derivatives d weight / d u of the two corners along one axis."""
    inside = tl.where((index >= 0) & (index < size - 1), 1.0, 0.0)
    low, high = -inside, inside
    if ZERO:
        low = tl.where(index == -1, 1.0, low)
        high = tl.where(index == size - 1, -1.0, high)
    return low, high


@triton.jit
def nearest(near_z, near_y, near_x, depth, height, width, there, ZERO: tl.constexpr):
    """The voxel that the label comes from, and whether it comes from anywhere."""
    inside = there
    if ZERO:
        inside = inside & (near_z >= 0) & (near_z < depth) & (near_y >= 0) & (near_y < height)
        inside = inside & (near_x >= 0) & (near_x < width)
    z = tl.minimum(tl.maximum(near_z, 0), depth - 1)
    y = tl.minimum(tl.maximum(near_y, 0), height - 1)
    x = tl.minimum(tl.maximum(near_x, 0), width - 1)
    return (z * height + y) * width + x, inside


@triton.jit
def corners(old, z, y0, y1, x0, x1, height, width, there):
    """The four voxels around a place in plane z: at y0 x0, y0 x1, y1 x0, y1 x1."""
    row0, row1 = (z * height + y0) * width, (z * height + y1) * width
    return (tl.load(old + row0 + x0, mask=there, other=0).to(tl.float32),
            tl.load(old + row0 + x1, mask=there, other=0).to(tl.float32),
            tl.load(old + row1 + x0, mask=there, other=0).to(tl.float32),
            tl.load(old + row1 + x1, mask=there, other=0).to(tl.float32))


@triton.jit
def add_corners(found, h, z, y0, y1, x0, x1, ly, hy, lx, hx, height, width, there):
    """Add h times their weights to the four voxels around a place in plane z."""
    row0, row1 = (z * height + y0) * width, (z * height + y1) * width
    tl.atomic_add(found + row0 + x0, h * ly * lx, mask=there, sem="relaxed")
    tl.atomic_add(found + row0 + x1, h * ly * hx, mask=there, sem="relaxed")
    tl.atomic_add(found + row1 + x0, h * hy * lx, mask=there, sem="relaxed")
    tl.atomic_add(found + row1 + x1, h * hy * hx, mask=there, sem="relaxed")


@triton.jit
def slope_of_voxels(
    grad,       # (B, C, n) g
    image,      # (B or 1, C, n)
    vectors, along_x,                                    # as in `displacement_at`
    group, voxel, there, depth, height, width, n, channels, images, each, points,
    SOLID: tl.constexpr, ZERO: tl.constexpr, GRID: tl.constexpr,
):
    """The gradient d loss / d u at voxels, over the `each` images of a displacement."""
    z, y, x = place_of(voxel, height, width)
    uz, uy, ux = displacement_at(vectors, along_x, group, voxel, x, there, n, width, points,
                                 SOLID, GRID)
    iz, _, z0, z1, lz, hz = locate(uz, z, depth, ZERO)
    iy, _, y0, y1, ly, hy = locate(uy, y, height, ZERO)
    ix, _, x0, x1, lx, hx = locate(ux, x, width, ZERO)
    dlz, dhz = slopes(iz, depth, ZERO)
    dly, dhy = slopes(iy, height, ZERO)
    dlx, dhx = slopes(ix, width, ZERO)
    grad_z = tl.zeros_like(uy)
    grad_y = tl.zeros_like(uy)
    grad_x = tl.zeros_like(uy)
    for i in range(each):
        item = group.to(tl.int64) * each + i
        old, new = image + item % images * channels * n, grad + item * channels * n
        for _channel in range(channels):
            g = tl.load(new + voxel, mask=there, other=0).to(tl.float32)
            if SOLID:
                a, b, c, d = corners(old, z0, y0, y1, x0, x1, height, width, there)
                p, q, r, s = corners(old, z1, y0, y1, x0, x1, height, width, there)
                grad_z += g * (dlz * (ly * (lx * a + hx * b) + hy * (lx * c + hx * d))
                               + dhz * (ly * (lx * p + hx * q) + hy * (lx * r + hx * s)))
                a, b, c, d = lz * a + hz * p, lz * b + hz * q, lz * c + hz * r, lz * d + hz * s
            else:
                a, b, c, d = corners(old, z, y0, y1, x0, x1, height, width, there)
            grad_y += g * (dly * (lx * a + hx * b) + dhy * (lx * c + hx * d))
            grad_x += g * (ly * (dlx * a + dhx * b) + hy * (dlx * c + dhx * d))
            old += n
            new += n
    return grad_z, grad_y, grad_x
