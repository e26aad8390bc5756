"""Compiled loops for the CPU: differences taken directly, and the passes beside the products."""

from __future__ import annotations

from numba import njit

_options = dict(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"}
)

# s_nk = sum_d w_kd (x_nd - c_kd)^2;  dx_nd = sum_k h_nk w_kd (x_nd - c_kd), h = 2 dL/ds;
# dc_kd = sum_n h_nk w_kd (c_kd - x_nd);  dw_kd = sum_n h_nk / 2 (x_nd - c_kd)^2.
# Few centres: x is read once forward, and once backward while dx is written; centres and their
# gradient stay in the cache. Rows are handed to small functions as arrays of one axis, and made
# outside the inner loops: a slice costs as much as 100 differences.


@njit(**_options)
def four_distances(x0, x1, c0, c1):
    """Two points by two centres: each value loaded is used twice."""
    a = b = e = f = x0.dtype.type(0)
    for d in range(x0.size):
        p, q, r, s = x0[d] - c0[d], x0[d] - c1[d], x1[d] - c0[d], x1[d] - c1[d]
        a += p * p
        b += q * q
        e += r * r
        f += s * s
    return a, b, e, f


@njit(**_options)
def distance(x, c):
    """One pair."""
    total = x.dtype.type(0)
    for d in range(x.size):
        total += (x[d] - c[d]) * (x[d] - c[d])
    return total


@njit(**_options)
def weighted_distance(x, c, w):
    """One pair, weighted."""
    total = x.dtype.type(0)
    for d in range(x.size):
        total += w[d] * ((x[d] - c[d]) * (x[d] - c[d]))
    return total


@njit(**_options)
def distances(first, last, x, c, w, out):
    """Points `first` to `last` to all centres."""
    count = c.shape[0]
    if w is None:
        for n in range(first, last, 2):
            other = min(n + 1, last - 1)
            x0, x1 = x[n], x[other]
            for k in range(0, count, 2):
                beside = min(k + 1, count - 1)
                a, b, e, f = four_distances(x0, x1, c[k], c[beside])
                out[n, k], out[n, beside] = a, b
                out[other, k], out[other, beside] = e, f
    else:
        for n in range(first, last):
            for k in range(count):
                out[n, k] = weighted_distance(x[n], c[k], w[k])


@njit(**_options)
def add_eight(y, v, a0, a1, a2, a3, a4, a5, a6, a7, h):
    """Adds sum_i h_i (v - a_i) to y for eight rows a: y is loaded and stored once."""
    h0, h1, h2, h3, h4, h5, h6, h7 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    for d in range(y.size):
        at = v[d]
        y[d] += ((h0 * (at - a0[d]) + h1 * (at - a1[d]))
                 + (h2 * (at - a2[d]) + h3 * (at - a3[d]))) + (
                (h4 * (at - a4[d]) + h5 * (at - a5[d]))
                 + (h6 * (at - a6[d]) + h7 * (at - a7[d])))


@njit(**_options)
def add_one(y, v, a, h):
    """Adds h (v - a) to y."""
    for d in range(y.size):
        y[d] += h * (v[d] - a[d])


@njit(**_options)
def add_weighted(y, v, a, w, h):
    """Adds h w (v - a) to y."""
    for d in range(y.size):
        y[d] += h * (w[d] * (v[d] - a[d]))


@njit(**_options)
def add_square(y, v, a, h):
    """Adds h (v - a)^2 to y."""
    for d in range(y.size):
        y[d] += h * ((v[d] - a[d]) * (v[d] - a[d]))


@njit(**_options)
def gradients(first, last, rows, h, turned, x, c, dx, dc):
    """Blocks `first` to `last` of `rows` points; `turned` is h (K, N), dc (blocks, K, D)."""
    number, count = h.shape
    eights = count // 8 * 8
    for block in range(first, last):
        end = min((block + 1) * rows, number)
        own = dc[block]
        for start in range(block * rows, end, 32):
            stop = min(start + 32, end)
            for n in range(start, stop):
                dx[n, :] = 0
            for k in range(0, eights, 8):
                c0, c1, c2, c3 = c[k], c[k + 1], c[k + 2], c[k + 3]
                c4, c5, c6, c7 = c[k + 4], c[k + 5], c[k + 6], c[k + 7]
                for n in range(start, stop):
                    add_eight(dx[n], x[n], c0, c1, c2, c3, c4, c5, c6, c7, h[n, k:k + 8])
            for k in range(eights, count):
                ck = c[k]
                for n in range(start, stop):
                    add_one(dx[n], x[n], ck, h[n, k])
            whole = start + (stop - start) // 8 * 8
            for n in range(start, whole, 8):
                x0, x1, x2, x3 = x[n], x[n + 1], x[n + 2], x[n + 3]
                x4, x5, x6, x7 = x[n + 4], x[n + 5], x[n + 6], x[n + 7]
                for k in range(count):
                    add_eight(own[k], c[k], x0, x1, x2, x3, x4, x5, x6, x7, turned[k, n:n + 8])
            for n in range(whole, stop):
                xn = x[n]
                for k in range(count):
                    add_one(own[k], c[k], xn, h[n, k])


@njit(**_options)
def weighted_gradients(first, last, rows, h, x, c, w, dx, dc, dw):
    """The same with weights; dw as dc, (blocks, K, D)."""
    number, count = h.shape
    half = x.dtype.type(0.5)
    for block in range(first, last):
        for n in range(block * rows, min((block + 1) * rows, number)):
            dx[n, :] = 0
            xn, dxn = x[n], dx[n]
            for k in range(count):
                ck, wk = c[k], w[k]
                add_weighted(dxn, xn, ck, wk, h[n, k])
                add_weighted(dc[block, k], ck, xn, wk, h[n, k])
                add_square(dw[block, k], xn, ck, half * h[n, k])


# Many centres: the products are torch's. Here the passes over N D and N K numbers.


@njit(**_options)
def square(x):
    """|x|^2."""
    total = x.dtype.type(0)
    for d in range(x.size):
        total += x[d] * x[d]
    return total


@njit(**_options)
def lengths(first, last, x, out):
    """out_n = |x_n|^2."""
    for n in range(first, last):
        out[n] = square(x[n])


@njit(**_options)
def add_terms(out, near, x_term, c_terms, part, most):
    """Adds x_term + c_terms to out; marks pairs that are near, and counts them."""
    count = 0
    for k in range(out.size):
        terms = x_term + c_terms[k]
        value = out[k] + terms
        out[k] = value
        is_near = not ((value >= part * terms) and (terms <= most))
        near[k] = is_near
        count += is_near
    return count


@njit(**_options)
def add_weighted_terms(out, near, x_terms, c_terms, part, most):
    """The same, where weights make the term of x another one for each centre."""
    count = 0
    for k in range(out.size):
        terms = x_terms[k] + c_terms[k]
        value = out[k] + terms
        out[k] = value
        is_near = not ((value >= part * terms) and (terms <= most))
        near[k] = is_near
        count += is_near
    return count


@njit(**_options)
def finish(first, last, part, most, x, c, x_terms, c_terms, out, near):
    """From -2 x.c to distances; near pairs (NaN and overflow among them) are taken directly."""
    for n in range(first, last):
        if add_terms(out[n], near[n], x_terms[n], c_terms, part, most):
            for k in range(c.shape[0]):
                if near[n, k]:
                    out[n, k] = distance(x[n], c[k])


@njit(**_options)
def finish_weighted(first, last, part, most, x, c, w, x_terms, c_terms, out, near):
    """The same with weights; x_terms (N, K)."""
    for n in range(first, last):
        if add_weighted_terms(out[n], near[n], x_terms[n], c_terms, part, most):
            for k in range(c.shape[0]):
                if near[n, k]:
                    out[n, k] = weighted_distance(x[n], c[k], w[k])


@njit(**_options)
def near_gradients(first, last, near, h, x, c, w, dx, dc, dw):
    """Adds what near pairs give, coordinates `first` to `last`."""
    half = x.dtype.type(0.5)
    for n in range(x.shape[0]):
        row = near[n]
        for k in range(c.shape[0]):
            if row[k]:
                xn, ck = x[n, first:last], c[k, first:last]
                if w is None:
                    add_one(dx[n, first:last], xn, ck, h[n, k])
                    add_one(dc[k, first:last], ck, xn, h[n, k])
                else:
                    wk = w[k, first:last]
                    add_weighted(dx[n, first:last], xn, ck, wk, h[n, k])
                    add_weighted(dc[k, first:last], ck, xn, wk, h[n, k])
                    add_square(dw[k, first:last], xn, ck, half * h[n, k])

