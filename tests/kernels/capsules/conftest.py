"""Capsules at random: thin and thick, a ball, along an axis, outside."""

import pytest
import torch


@pytest.fixture(scope="session")
def random_capsules():
    def draw(size, spacing, seed, count=7, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed)
        n = len(size)
        widths = torch.tensor(spacing, dtype=torch.float64)
        ends = torch.rand(count, 2, n, dtype=torch.float64, generator=generator)
        ends = (1.3 * ends - 0.15) * torch.tensor(size)
        radii = 2.5 * torch.rand(count, dtype=torch.float64, generator=generator) ** 2 + 0.1
        if count >= 5:
            ends[1, 1] = ends[1, 0]                  # a ball
            ends[2, 1, :-1] = ends[2, 0, :-1]        # along the last axis
            ends[3, 1, 1:] = ends[3, 0, 1:]          # along the first
            ends[4] += 3 * torch.tensor(size)        # far outside
        return (ends * widths).to(dtype), (radii * widths.min()).to(dtype)

    return draw
