"""The backward pass for the CPU: whose each voxel is, and what its gradient says to that one."""

from __future__ import annotations

import numpy as np
from numba import njit

from ._numba import FAST, chord, clipped, ramp, rows_of


@njit(**FAST)
def slopes(d2, w2, r, flat):
    """Derivatives of the ramp c = A u, u = 1/2 + (R - d) / w, by d, w and r; 0 where u is clamped.

    Thick, A = 1:              c_d = -1/w,  c_w = R_w / w - (R - d) / w²,  c_r = R_r / w;
        3D R_w = -w / (12 R), R_r = r / R;  2D R_w = 0, R_r = 1
    thin, R = w/2, u = 1 - d/w:  c_d = -A/w,  c_w = A_w u + A d / w²,  c_r = A_r u;
        3D A_w = -2 A / w, A_r = 2 A / r;  2D A_w = -A / w, A_r = A / r
    """
    w, d = np.sqrt(w2), np.sqrt(d2)
    power = 1.0 if flat else 2.0
    peak = 2.0 * r / w if flat else 3.0 * r * r / w2
    if peak >= 1.0:
        radius = r if flat else np.sqrt(r * r - w2 / 12.0)
        u = 0.5 + (radius - d) / w
        if not 0.0 < u < 1.0:
            return 0.0, 0.0, 0.0
        if flat:
            return -1.0 / w, -(radius - d) / w2, 1.0 / w
        return -1.0 / w, -1.0 / (12.0 * radius) - (radius - d) / w2, r / (radius * w)
    u = 1.0 - d / w
    if u <= 0.0:
        return 0.0, 0.0, 0.0
    return -peak / w, peak * (d / w2 - power * u / w), power * peak * u / r


@njit(**FAST)
def sum_of_slices(first, last, grad, found, table, starts, members, depth, spacing, near, flat):
    """Gradients of the ends and the radius of each capsule, one sum for each slice it reaches.

    First the owner of each voxel of the slice, the capsule of the largest ramp (on a tie the
    first), then, capsule by capsule, sums over its own voxels. With q the way from the axis, the
    ramp's derivatives c_d, c_w, c_r, the voxel's widths s, and w² = (|s q|² + e m²) / (d² + e):

        g = dc/dq = c_d q / d + c_w (s² q - w² q) / (w (d² + e))
        to a: -(1 - t) g + [0 < t < 1] (g · v) (v + q - t v) / |v|²
        to b:      - t g - [0 < t < 1] (g · v) (q - t v) / |v|²
        to r: c_r
        to m²: c_w e / (2 w (d² + e)), which becomes part of a and b afterwards (`split`)

    At d = 0 the first term of g is 0.

    Moves: the gradient of the volume, read where a capsule reaches; planes of a slice, in cache.
    """
    height, width = grad.shape[1:]
    sz, sy, sx = spacing
    best = np.zeros((height, width))
    owner = np.empty((height, width), np.int64)
    for i in range(first, last):
        for own in range(2):
            for m in range(starts[i], starts[i + 1]):
                c = table[members[m]]
                ax, vz, vy, vx, inverse, r, reach = c[2], c[3], c[4], c[5], c[6], c[7], c[8]
                z = (i % depth) * sz - c[0]
                start, stop = rows_of(z, vz, vy, reach, c[10], c[11], c[1], sy)
                az_, ay_, ax_, bz_, by_, bx_, r_, m_ = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
                for j in range(start, stop + 1):
                    y = j * sy - c[1]
                    low, high = chord(z, y, vz, vy, vx, inverse, reach)
                    if not low <= high:
                        continue
                    along = z * vz + y * vy
                    x0 = max(0, clipped(np.ceil((ax + low) / sx), width))
                    x1 = clipped(np.floor((ax + high) / sx), width - 1)
                    for x in range(x0, x1 + 1):
                        if own and (owner[j, x] != m or best[j, x] <= 0.0):
                            continue
                        p = x * sx - ax
                        raw = (along + p * vx) * inverse
                        t = min(1.0, max(0.0, raw))
                        qz, qy, qx = z - t * vz, y - t * vy, p - t * vx
                        d2 = qz * qz + qy * qy + qx * qx
                        w2 = (((qz * sz) ** 2 + (qy * sy) ** 2 + (qx * sx) ** 2 + near * c[12])
                              / (d2 + near))
                        if not own:
                            share = ramp(d2, w2, r, flat)
                            if share > best[j, x]:
                                best[j, x], owner[j, x] = share, m
                            continue
                        best[j, x] = 0.0           # ready for the next slice
                        c_d, c_w, c_r = slopes(d2, w2, r, flat)
                        weight = grad[i, j, x]
                        r_ += weight * c_r
                        by_w = c_w / (np.sqrt(w2) * (d2 + near))
                        m_ += weight * by_w * near / 2
                        by_d = 0.0
                        if d2 > 0.0:
                            by_d = c_d / np.sqrt(d2)
                        gz = weight * qz * (by_d + by_w * (sz * sz - w2))
                        gy = weight * qy * (by_d + by_w * (sy * sy - w2))
                        gx = weight * qx * (by_d + by_w * (sx * sx - w2))
                        turn = 0.0
                        if 0.0 < raw < 1.0:
                            turn = (gz * vz + gy * vy + gx * vx) * inverse
                        az_ += turn * (vz + qz - t * vz) - (1.0 - t) * gz
                        ay_ += turn * (vy + qy - t * vy) - (1.0 - t) * gy
                        ax_ += turn * (vx + qx - t * vx) - (1.0 - t) * gx
                        bz_ -= turn * (qz - t * vz) + t * gz
                        by_ -= turn * (qy - t * vy) + t * gy
                        bx_ -= turn * (qx - t * vx) + t * gx
                if own:
                    f = found[m]
                    f[0], f[1], f[2], f[3] = az_, ay_, ax_, bz_
                    f[4], f[5], f[6], f[7] = by_, bx_, r_, m_
