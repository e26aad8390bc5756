"""Calls of the host functions of `_triton.py`, in each type, for compiling without a GPU."""

from functools import partial

import torch

from medtutor.kernels.capsules import _triton


def calls():
    for size in ((5, 6, 40), (20, 37)):
        ends = torch.rand(4, 2, len(size)) * torch.tensor(size)
        radii, tree = torch.rand(4) + 1, torch.tensor([0, 0, 1, 1])
        spacing = [1.0, 0.5, 2.0][:len(size)]
        for given in (torch.float32, torch.float16, torch.bfloat16):
            capsules = ends.to(given), radii.to(given), tree
            for smooth in (False, True):
                for dtype in (torch.float32, torch.uint8):
                    yield partial(_triton.draw, *capsules, 2, list(size), spacing, smooth, dtype)
            yield partial(_triton.gradients, torch.rand(2, *size), *capsules, list(size), spacing)
