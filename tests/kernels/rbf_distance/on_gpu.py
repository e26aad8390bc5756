"""Calls every host function of the Triton form on small CPU tensors, to compile its kernels."""

import torch

from medtutor.kernels.rbf_distance import _triton


def calls():
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        for count in (5, 20):
            for weighted in (False, True):
                x, centres = torch.zeros(16, 32, dtype=dtype), torch.zeros(count, 32)
                weights = torch.ones(count, 32) if weighted else None
                g, near = torch.zeros(16, count), torch.zeros(16, count, dtype=torch.bool)
                given = x, centres, weights
                yield lambda given=given: _triton.forward(*given)
                yield lambda given=given, g=g, near=near: _triton.backward(
                    g, *given, near, [True, True, given[2] is not None])
