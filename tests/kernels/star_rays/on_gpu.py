"""Calls of every host function of the Triton form, for the compiler: no values are looked at."""

from functools import partial

import torch

from medtutor.kernels.star_rays._launch import (
    star_line_triton,
    star_neighbour_triton,
    star_polar_triton,
)


def calls():
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        for target, one_sided in ((None, True), (torch.zeros(2, 5, 7, dtype=torch.bool), False)):
            prob, centre = torch.zeros(2, 5, 7, dtype=dtype), torch.tensor([[2, 3], [0, 6]])
            yield partial(star_line_triton, prob, centre, target, 0, one_sided)
            yield partial(star_neighbour_triton, prob, centre, target, one_sided)
            yield partial(star_polar_triton, prob, centre, target, 512, 128, one_sided)
    for shape in ((1, 1, 1), (1, 1, 5), (2, 4, 1)):      # Triton makes a constant of a size of 1
        prob, centre = torch.zeros(shape), torch.zeros(shape[0], 2, dtype=torch.long)
        target = torch.zeros(shape, dtype=torch.bool)
        yield partial(star_line_triton, prob, centre, target, 1, False)
        yield partial(star_neighbour_triton, prob, centre, target, False)
        yield partial(star_polar_triton, prob, centre, target, 16, 2, False)
