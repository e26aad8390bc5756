"""Noisy spheres with random seeds."""

import pytest
import torch


@pytest.fixture(scope="session")
def spheres():
    """Image, seeds and truth: label 1 outside, one sphere (disk) for each other label."""

    def draw(shape, labels, *, noise=0.2, seeds=0.02, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        axes = torch.meshgrid(*(torch.arange(size) for size in shape), indexing="ij")
        truth = torch.ones(shape, dtype=torch.int64)
        for label in range(2, labels + 1):
            centre = (torch.rand(len(shape), generator=generator) * 0.6 + 0.2) * torch.tensor(shape)
            square = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
            truth[square < (0.22 * min(shape)) ** 2] = label
            truth[tuple(centre.long().tolist())] = label
        image = truth.to(dtype) / max(labels - 1, 1)
        image = image + noise * torch.randn(shape, generator=generator).to(dtype)
        chosen = torch.rand(shape, generator=generator) < seeds
        for label in range(1, labels + 1):
            places = (truth == label).nonzero()
            chosen[tuple(places[len(places) // 2].tolist())] = True
        return image, truth * chosen, truth

    return draw
