"""The star-shape terms on the GPU. Sums in float32, in a fixed order but for the polar gradient.

The line form lays the eight octants of all images side by side, as the CPU form does: every lane
then compares the same octant pixels (n, m) and (k, l), whose places are equal for all lanes, and
neighbouring lanes read neighbouring numbers.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._triton_geometry import octant_of, ray_samples, sign, start_of_row, steps_by


@triton.jit
def octants_kernel(
    prob,       # (B, H, W) s
    target,     # (B, H, W) uint8 y, or anything
    centre,     # (B, 2) int64
    packed,     # (3, P, L) float32 out: s, e = |y - s| where the octant owns p else 0, y
    extent,     # (L,) int32 out: rows of each octant
    height, width, columns_most, layer, lanes,     # layer = P L
    GATED: tl.constexpr, LANES: tl.constexpr,
):
    """Octant pixel (n, m) of a block of lanes. Reads B H W once, writes 3 P L numbers."""
    n, m = tl.program_id(0), tl.program_id(1)
    if m <= n:
        lane = tl.program_id(2) * LANES + tl.arange(0, LANES)
        there = lane < lanes
        corner, down, across, rows, columns, owns_axis, owns_diagonal = octant_of(
            centre, lane, there, height, width)
        inside = there & (n <= rows) & (m <= columns)
        place = (lane // 8).to(tl.int64) * height * width + corner + n * down + m * across
        s = tl.load(prob + place, mask=inside, other=0).to(tl.float32)
        owned = inside & (n > 0) & ((m > 0) | owns_axis) & ((m < n) | owns_diagonal)
        y = tl.zeros_like(s)
        e = tl.zeros_like(s) + 1.0
        if GATED:
            y = tl.load(target + place, mask=inside, other=0).to(tl.float32)
            e = tl.abs(y - s)
        out = packed + (start_of_row(n, columns_most) + m).to(tl.int64) * lanes + lane
        tl.store(out, s, mask=there)
        tl.store(out + layer, tl.where(owned, e, 0.0), mask=there)
        if GATED:
            tl.store(out + layer + layer, y, mask=there)
        if n == 0:
            tl.store(extent + lane, rows, mask=there)


@triton.jit
def pairs_kernel(
    packed,     # (3, P, L) float32 s, e, y
    extent,     # (L,) int32 rows of each octant
    value,      # (P, L) float32 out: e_p Σ_q B |s_p - s_q|
    slope,      # (P, L) float32 out: the gradient of L in this octant
    columns_most, layer, lanes, reach,             # layer = P L
    GATED: tl.constexpr, ONE_SIDED: tl.constexpr, LANES: tl.constexpr, TILE: tl.constexpr,
):
    """Octant pixel (n, m) as p against all q, then as q against all p, in a block of lanes.

    L = Σ_p e_p Σ_q B |d|, d = s_p - s_q (max(0, d)); p gets B (e_p sign(d) + sign(s_p - y_p) |d|),
    q gets -e_p B sign(d). As p: q = (k, floor((2 k m + n) / 2n)) for k < n. As q = (n, m): those p
    = (k, l), k > n, with m = floor((2 n l + k) / 2k), that is k (2m - 1) <= 2 n l < k (2m + 1).
    No atomics. Reads 1 to 2 numbers a pair as p and 2 to 3 as q, coalesced, from the caches.
    """
    n, m = tl.program_id(0), tl.program_id(1)
    if m <= n:
        lane = tl.program_id(2) * LANES + tl.arange(0, LANES)[None, :]
        there = lane < lanes
        rows_most = tl.max(tl.load(extent + lane, mask=there, other=-1))
        own = (start_of_row(n, columns_most) + m).to(tl.int64) * lanes + lane
        a = tl.zeros([TILE, LANES], tl.float32)
        g = tl.zeros([TILE, LANES], tl.float32)
        s, e, y = packed, packed + layer, packed + layer + layer
        if n <= rows_most:
            tile = tl.arange(0, TILE)[:, None]
            s_own = tl.load(s + own, mask=there, other=0)
            e_own = tl.load(e + own, mask=there, other=0)
            y_own = tl.load(y + own, mask=there, other=0) if GATED else s_own
            for first in range(tl.maximum(n - reach, 0), n, TILE):
                k = first + tile
                q = (start_of_row(k, columns_most) + (2 * k * m + n) // (2 * n)).to(tl.int64)
                use = there & (k < n)
                q = q * lanes + lane
                d = s_own - tl.load(s + q, mask=use, other=0)
                if ONE_SIDED:
                    d = tl.where(d < 0, 0.0, d)
                if GATED:
                    use = use & (y_own == tl.load(y + q, mask=use, other=2))
                a += tl.where(use, tl.abs(d), 0.0)
                g += tl.where(use, e_own * sign(d), 0.0)
            for first in range(n + 1, tl.minimum(n + reach, rows_most) + 1, TILE):
                k = first + tile
                last = tl.minimum(first + TILE - 1, rows_most)
                most = last + 1
                if n > 0:
                    most = last // n + 2
                twice = tl.maximum(2 * n, 1)
                least = tl.where(m > 0, (k * (2 * m - 1) + twice - 1) // twice, 0)
                beyond = tl.where(n > 0, (k * (2 * m + 1) + twice - 1) // twice, k + 1)
                beyond = tl.minimum(tl.minimum(beyond, k + 1), columns_most + 1)
                beyond = tl.where((k <= rows_most) & (k <= n + reach), beyond, 0)
                for step in range(0, most):
                    l = least + step    # noqa: E741
                    use = there & (l < beyond)
                    p = (start_of_row(k, columns_most) + l).to(tl.int64) * lanes + lane
                    d = tl.load(s + p, mask=use, other=0) - s_own
                    if ONE_SIDED:
                        d = tl.where(d < 0, 0.0, d)
                    e_p = tl.load(e + p, mask=use, other=0)
                    if GATED:
                        use = use & (y_own == tl.load(y + p, mask=use, other=2))
                    g -= tl.where(use, e_p * sign(d), 0.0)
            sum_a = tl.sum(a, 0)[None, :]
            sum_g = tl.sum(g, 0)[None, :]
            if GATED:
                sum_g += tl.where(e_own > 0, sign(s_own - y_own) * sum_a, 0.0)
            tl.store(slope + own, sum_g, mask=there)
            tl.store(value + own, tl.where(e_own > 0, e_own * sum_a, 0.0), mask=there)
        else:
            tl.store(value + own, tl.sum(a, 0)[None, :], mask=there)


@triton.jit
def collect_kernel(
    slope,      # (P, L) float32 gradient by octant
    centre,     # (B, 2) int64
    gradient,   # (B, H, W) float32 out
    height, width, columns_most, lanes,
    BLOCK: tl.constexpr,
):
    """Each pixel's gradient: the sum over the 1, 2 or 8 octants that share it."""
    image = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = pixel < height * width
    down = pixel // width - tl.load(centre + 2 * image).to(tl.int32)
    right = pixel % width - tl.load(centre + 2 * image + 1).to(tl.int32)
    total = tl.zeros([BLOCK], tl.float32)
    for octant in tl.static_range(8):
        along_rows = octant < 4
        n = tl.where(along_rows, down, right) * (1 - octant // 2 % 2 * 2)
        m = tl.where(along_rows, right, down) * (1 - octant % 2 * 2)
        place = (start_of_row(n, columns_most) + m).to(tl.int64) * lanes + image * 8 + octant
        total += tl.load(slope + place, mask=there & (m >= 0) & (m <= n), other=0)
    tl.store(gradient + image.to(tl.int64) * height * width + pixel, total, mask=there)


@triton.jit
def neighbour_kernel(
    prob,       # (B, H, W) s
    target,     # (B, H, W) uint8 y, or anything
    centre,     # (B, 2) int64
    value,      # (B, blocks) float32 out: partial sums
    gradient,   # (B, H, W) float32 out
    height, width, blocks,
    GATED: tl.constexpr, ONE_SIDED: tl.constexpr, BLOCK: tl.constexpr,
):
    """Each pixel x as p against the next one towards the centre, and as q of its 8 neighbours.

    p steps by -sign(d) along an axis where 2 |d| there is more than the other |d|, or at least as
    long as it. L = Σ B e_p |d|, gradient as in `pairs_kernel`. Reads s once (9 times from the
    caches), writes the gradient; no atomics.
    """
    image = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = pixel < height * width
    base = image.to(tl.int64) * height * width
    row, column = pixel // width, pixel % width
    centre_row = tl.load(centre + 2 * image).to(tl.int32)
    centre_column = tl.load(centre + 2 * image + 1).to(tl.int32)
    s = tl.load(prob + base + pixel, mask=there, other=0).to(tl.float32)
    y = tl.zeros_like(s)
    if GATED:
        y = tl.load(target + base + pixel, mask=there, other=0).to(tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    grad = tl.zeros([BLOCK], tl.float32)
    for other in tl.static_range(9):
        i, j = other // 3 - 1, other % 3 - 1
        inside = there & (row + i >= 0) & (row + i < height)
        inside = inside & (column + j >= 0) & (column + j < width)
        s_there = tl.load(prob + base + pixel + i * width + j, mask=inside, other=0).to(tl.float32)
        same = inside
        y_there = y
        if GATED:
            y_there = tl.load(target + base + pixel + i * width + j, mask=inside, other=2)
            y_there = y_there.to(tl.float32)
            same = inside & (y_there == y)
        down, right = row - centre_row, column - centre_column
        use = same & steps_by(down, right, i, j)                  # x is p, the other is q
        d = s - s_there
        if ONE_SIDED:
            d = tl.where(d < 0, 0.0, d)
        e = tl.abs(y - s) if GATED else 1.0
        side = sign(s - y) if GATED else 0.0
        total += tl.where(use, e * tl.abs(d), 0.0)
        grad += tl.where(use, e * sign(d) + side * tl.abs(d), 0.0)
        use = same & steps_by(down + i, right + j, -i, -j)        # x is q, the other is p
        d = s_there - s
        if ONE_SIDED:
            d = tl.where(d < 0, 0.0, d)
        e = tl.abs(y_there - s_there) if GATED else 1.0
        grad -= tl.where(use, e * sign(d), 0.0)
    tl.store(gradient + base + pixel, grad, mask=there)
    tl.store(value + image * blocks + tl.program_id(0), tl.sum(total))


@triton.jit
def rays_kernel(
    prob,         # (B, H, W) s
    target,       # (B, H, W) uint8 y, or anything
    centre,       # (B, 2) float32
    directions,   # (A, 3) float32: row, column, weight of a ray: density Δθ
    value,        # (B, A) float32 out: L of each ray
    gradient,     # (B, H, W) float32, zero before: the gradient is added
    height, width, rays, radii,
    GATED: tl.constexpr, ONE_SIDED: tl.constexpr, RADII: tl.constexpr, CHUNK: tl.constexpr,
):
    """One ray: its samples i in a register each, against chunks of its samples j.

    L = Σ_i e_i Σ_{j<i} B |d|, d = s_i - s_j (max(0, d)), e_i = w_i |y_i - s_i|. A sample gets
    B e_i sign(d) and B sign(s_i - y_i) w_i |d| from the j before it, and B e_j sign(d) from those
    behind it, where it is the q. Reads four pixels a sample twice and no memory a pair; adds to
    the four pixels by atomics, in no fixed order.
    """
    ray, image = tl.program_id(0), tl.program_id(1)
    base = image.to(tl.int64) * height * width
    row, column = tl.load(centre + 2 * image), tl.load(centre + 2 * image + 1)
    down, right = tl.load(directions + 3 * ray), tl.load(directions + 3 * ray + 1)
    below = tl.where(down > 0, height - 0.5 - row, row + 0.5) / tl.abs(down)
    beside = tl.where(right > 0, width - 0.5 - column, column + 0.5) / tl.abs(right)
    step = tl.minimum(below, beside) / radii
    area = tl.load(directions + 3 * ray + 2) * step * step

    i = tl.arange(0, RADII)
    there = i < radii
    s, y, corner, to_bottom, to_far, fy, fx = ray_samples(
        prob + base, target + base, row, column, down, right, step, i, there, height, width, GATED)
    w = tl.where(there, area * step * (i + 0.5), 0.0)
    e = w * tl.abs(y - s) if GATED else w
    a = tl.zeros([RADII], tl.float32)
    g = tl.zeros([RADII], tl.float32)
    for first in range(0, radii, CHUNK):
        j = first + tl.arange(0, CHUNK)
        s_j, y_j, _, _, _, _, _ = ray_samples(
            prob + base, target + base, row, column, down, right, step, j, j < radii, height, width,
            GATED)
        e_j = tl.where(j < radii, area * step * (j + 0.5), 0.0)
        if GATED:
            e_j = e_j * tl.abs(y_j - s_j)
        d = s[:, None] - s_j[None, :]
        before = j[None, :] < i[:, None]
        use = there[:, None] & (j < radii)[None, :]
        if GATED:
            use = use & (y[:, None] == y_j[None, :])
        if ONE_SIDED:
            d = tl.where((d > 0) == before, d, 0.0)
        a += tl.sum(tl.where(use & before, tl.abs(d), 0.0), 1)
        g += tl.sum(tl.where(use, tl.where(before, e[:, None], e_j[None, :]) * sign(d), 0.0), 1)
    if GATED:
        g += w * sign(s - y) * a
    tl.store(value + image * rays + ray, tl.sum(e * a))
    out = gradient + base + corner
    tl.atomic_add(out, g * (1 - fy) * (1 - fx), mask=there, sem="relaxed")
    tl.atomic_add(out + to_far, g * (1 - fy) * fx, mask=there, sem="relaxed")
    tl.atomic_add(out + to_bottom, g * fy * (1 - fx), mask=there, sem="relaxed")
    tl.atomic_add(out + to_bottom + to_far, g * fy * fx, mask=there, sem="relaxed")
