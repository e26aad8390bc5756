"""Shapes of organs: a population with a mean and a few global modes, and draws from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BODY = {2: (0.83, 0.90), 3: (0.97, 0.97)}  # semi-axes of the body's ellipse, in half sides
RIM = {2: 0.10, 3: 0.06}  # thickness of the fat below the skin, in body radii
GAP = 0.02  # least space between organs, as a fraction of the mean side
TOUCH = 0.012  # deepest overlap of two outlines that is let pass, as a fraction of the mean side
MOST = {2: 0.36, 3: 0.30}  # fraction of the image that organs may cover together


@dataclass(frozen=True)
class OrganShapes:
    """Shapes of N bodies with K organs, lengths in units of the mean side.

    Args:
        centres: (N, K, dim).
        radii: (N, K), R of each organ.
        weights: (N, K, H), w of each harmonic.
        body: (N, 2), semi-axes of the body; in 3D it is a cylinder along the first axis.
        scores: (N, M), of the global modes.
    """

    centres: np.ndarray
    radii: np.ndarray
    weights: np.ndarray
    body: np.ndarray
    scores: np.ndarray


class OrganPopulation:
    """Mean shape and global modes for these sizes: the same for every seed.

    A shape is a vector: for each organ its centre, log radius and harmonic weights, and the
    body's width. A mode is a direction in that space.

    Args:
        size: sides of the image, in voxels.
        areas: mean fraction of each organ.
        modes: number of global modes.
    """

    def __init__(self, size: tuple[int, ...], areas: tuple[float, ...], modes: int) -> None:
        self.dim, self.organs, self.modes = len(size), len(areas), modes
        self.sides = np.array(size) / np.mean(size)
        if sum(areas) > MOST[self.dim]:
            raise ValueError(
                f"areas must sum to at most {MOST[self.dim]} of a {self.dim}D image, for the body "
                f"to hold the organs; got {areas}, which sum to {sum(areas):g}"
            )
        self.wander = 0.045 if self.organs > 1 else 0.11  # one organ alone has room to lie anywhere
        self.directions = _directions(self.dim)
        self.basis = harmonics(self.directions)  # (H, U)
        terms = len(self.basis)
        orders = np.array([2, 2, 3, 3, 4, 4, 5, 5] if self.dim == 2 else [2] * 5 + [3] * 7)
        self.spread = 0.22 / (orders - 1.0) ** 1.2 * (1.0 if self.dim == 2 else 0.55)
        # Fixed streams: organ k has one mean outline, whatever the other organs are.
        self.weights = np.stack(
            [np.random.default_rng((7, k)).normal(size=terms) for k in range(self.organs)]
        ) * (0.6 * self.spread)
        self.areas = np.array(areas)
        self.body = self.sides[-2:] / 2 * BODY[self.dim]
        self.radii = self.radius_of(self.areas, self.weights)
        starts = self._layouts(60)
        radii, weights = (np.stack([a] * len(starts)) for a in (self.radii, self.weights))
        starts = self.apart(starts, radii, weights, 300)
        overlap = np.maximum(_overlap(starts, radii, weights), 0)
        self.centres = starts[overlap.argmin()]  # the planned layout comes first
        if overlap.min() > TOUCH or self.room_of(self.radii, self.weights).min() < -TOUCH:
            raise ValueError(
                f"areas {areas} do not fit side by side into the body in an image of {size}: "
                "take smaller or fewer organs"
            )
        draw = np.random.default_rng(11)
        mixing = draw.normal(size=(modes, self.organs, self.dim + 1 + terms))
        strength = 0.75 ** np.arange(modes)  # the first mode is the strongest
        strength /= np.sqrt((strength**2).sum()) if modes else 1.0
        self.mixing = mixing * strength[:, None, None]

    def radius_of(self, areas: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """R at which the outline with these weights has this area, c R^dim mean(e^(dim f))."""
        outline = np.exp(self.dim * (weights @ self.basis))  # (..., U)
        unit = np.pi if self.dim == 2 else 4 * np.pi / 3
        return (areas * np.prod(self.sides) / (unit * outline.mean(-1))) ** (1 / self.dim)

    def room_of(self, radii: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """How far from the middle a centre may lie on each axis, (..., dim); negative: no room."""
        inside = self.body * (1 - RIM[self.dim])
        if self.dim == 3:
            inside = np.concatenate([self.sides[:1] / 2, inside])
        outline = radii[..., None] * np.exp(weights @ self.basis)  # (..., U)
        reach = np.stack([(outline * abs(u)).max(-1) for u in self.directions], axis=-1)
        return inside - 0.95 * reach

    def apart(
        self, centres: np.ndarray, radii: np.ndarray, weights: np.ndarray, rounds: int
    ) -> np.ndarray:
        """Push organs out of each other and back into the body; (N, K, dim)."""
        centres = centres.copy()
        room = np.maximum(self.room_of(radii, weights), 0.02)  # (N, K, dim)
        for _ in range(rounds):
            for j in range(self.organs):
                for k in range(j):
                    way = centres[:, j] - centres[:, k] + 1e-9
                    distance = np.linalg.norm(way, axis=-1, keepdims=True)
                    way = way / distance
                    need = _extent(way, radii, weights, j, k) + GAP
                    push = np.maximum(need[:, None] - distance, 0) * way
                    share = radii[:, k] ** self.dim / (
                        radii[:, j] ** self.dim + radii[:, k] ** self.dim
                    )
                    centres[:, j] += push * share[:, None]
                    centres[:, k] -= push * (1 - share[:, None])
            across = centres[..., -2:] / room[..., -2:]
            out = np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1)
            centres[..., -2:] /= out
            if self.dim == 3:
                centres[..., :1] = np.clip(centres[..., :1], -room[..., :1], room[..., :1])
        return centres

    def _layouts(self, count: int) -> np.ndarray:
        """First guesses: organs around the middle, then random places; (count, K, dim)."""
        turn = np.pi * (3 - np.sqrt(5)) * np.arange(self.organs) + 2.6
        far = 0.27 if self.organs == 1 else 0.45
        around = np.stack([np.sin(turn), np.cos(turn)], axis=1) * self.body * far
        if self.dim == 3:
            height = 0.2 * self.sides[0] * np.cos(np.pi * np.arange(self.organs))
            around = np.concatenate([height[:, None], around], axis=1)
        places = np.random.default_rng(5).uniform(-0.4, 0.4, (count, self.organs, self.dim))
        places = places * self.sides
        places[0] = around
        return places


def draw_shapes(
    population: OrganPopulation, generators: list[np.random.Generator], variation: float
) -> OrganShapes:
    """One body for each generator."""
    p, dim = population, population.dim
    columns = dim + 1 + p.basis.shape[0]
    scores = np.stack([g.normal(size=p.modes) for g in generators])  # (N, M)
    alone = np.stack([g.normal(size=(p.organs, columns)) for g in generators])
    width = np.stack([g.normal(size=2) for g in generators])

    together = np.einsum("nm,mkc->nkc", scores, p.mixing)
    part = (0.9, 0.44) if p.modes else (0.0, 1.0)  # 81 % of the variance is shared
    moves = variation * (part[0] * together + part[1] * alone)
    body = p.body * np.exp(0.03 * variation * np.clip(width, -2, 2))
    for _ in range(6):
        weights = p.weights + moves[..., dim + 1 :] * p.spread * 0.8
        log_size = np.clip(0.2 * moves[..., dim], -0.7, 0.7) - 0.02 * variation**2
        radii = p.radius_of(p.areas * np.exp(log_size), weights)
        centres = p.apart(p.centres + p.wander * moves[..., :dim], radii, weights, 20)
        crowded = _overlap(centres, radii, weights) > TOUCH
        crowded |= p.room_of(radii, weights).min((1, 2)) < -TOUCH
        if not crowded.any():
            break
        moves[crowded] *= 0.7  # back towards the mean shape, where there is room
    return OrganShapes(centres, radii, weights, body, scores)


def harmonics(u: np.ndarray) -> np.ndarray:
    """Smooth functions of a direction: (dim, ...) -> (H, ...), of mean square 1/2 (2D) or 1 (3D).

    2D: cosine and sine of 2 to 5 times the angle. 3D: the twelve spherical harmonics of degree 2
    and 3. Order 0 is size and order 1 is place, which are kept apart from the outline.
    """
    if len(u) == 2:
        z = u[1] + 1j * u[0]  # x + iy
        terms, power = [], z
        for _ in range(2, 6):
            power = power * z
            terms += [power.real, power.imag]
        return np.stack(terms)
    z, y, x = u
    r15, r105, r7, r42 = (np.sqrt(value) for value in (15, 105, 7, 10.5))
    return np.stack(
        [
            r15 * x * y,
            r15 * y * z,
            r15 * x * z,
            r15 / 2 * (x * x - y * y),
            np.sqrt(5) / 2 * (3 * z * z - 1),
            r105 * x * y * z,
            r105 / 2 * z * (x * x - y * y),
            r7 / 2 * z * (5 * z * z - 3),
            r42 / 2 * x * (5 * z * z - 1),
            r42 / 2 * y * (5 * z * z - 1),
            np.sqrt(35 / 8) * x * (x * x - 3 * y * y),
            np.sqrt(35 / 8) * y * (3 * x * x - y * y),
        ]
    )


def _extent(way: np.ndarray, radii: np.ndarray, weights: np.ndarray, j: int, k: int) -> np.ndarray:
    """How far organs j and k reach towards each other along ``way``, with a margin; (N,)."""
    toward = harmonics(way.T)  # (H, N)
    back = harmonics(-way.T)
    near = radii[:, j] * np.exp((weights[:, j] * back.T).sum(-1))
    far = radii[:, k] * np.exp((weights[:, k] * toward.T).sum(-1))
    # Outlines bulge beside the line of centres, too: not less than the mean radii.
    return np.maximum(near, radii[:, j]) + np.maximum(far, radii[:, k])


def _overlap(centres: np.ndarray, radii: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Deepest overlap of two organs, in units of the mean side; (N,)."""
    deepest = np.full(len(centres), -np.inf)
    for j in range(centres.shape[1]):
        for k in range(j):
            way = centres[:, j] - centres[:, k] + 1e-9
            distance = np.linalg.norm(way, axis=-1)
            need = _extent(way / distance[:, None], radii, weights, j, k)
            deepest = np.maximum(deepest, need - distance)
    return deepest


def _directions(dim: int) -> np.ndarray:
    """Evenly spread unit vectors, (dim, U)."""
    if dim == 2:
        angle = np.arange(96) * (2 * np.pi / 96)
        return np.stack([np.sin(angle), np.cos(angle)])
    n = np.arange(400) + 0.5
    z, turn = 1 - 2 * n / 400, np.pi * (1 + np.sqrt(5)) * n
    across = np.sqrt(1 - z * z)
    return np.stack([z, across * np.sin(turn), across * np.cos(turn)])
