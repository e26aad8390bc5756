"""Calls of every host function of `_triton.py`, for the test that compiles for a GPU."""

from functools import partial

import torch

from medtutor.kernels.overlap._triton import slope_triton, sums_triton


def calls():
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        yield from both(dtype, 1, torch.uint8, True)
        yield from both(dtype, 3, torch.uint8, True)
    for classes in (1, 3):
        yield from both(torch.float32, classes, torch.int64, False)
    yield from both(torch.float32, 1, torch.float32, True)


def both(dtype, classes, target_type, background):
    """Forward and backward; `background` also stands for the overlap, to see each part off."""
    logits = torch.zeros(2, classes, 5, 7, dtype=dtype)
    target = torch.zeros(2, 5, 7, dtype=target_type)
    yield partial(sums_triton, logits, target, background, True, background)
    yield partial(slope_triton, torch.zeros(2, 6, classes), logits, target, background)
