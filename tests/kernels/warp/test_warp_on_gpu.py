"""The Triton form against the reference: in the interpreter, and on a GPU."""

import pytest
import torch

from medtutor.kernels import warp as op

# (images, displacements, channels), voxels, points
CASES = [
    ((2, 2, 2), (2, 3, 7), (2, 3, 4)),
    ((2, 1, 1), (3, 1, 6), (2, 1, 3)),       # one displacement for all, an axis of one voxel
    ((1, 2, 2), (4, 5), (3, 4)),             # one image for all displacements
    ((1, 1, 1), (1, 1), (1, 1)),
]
INTERPRETED = {torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
GPU = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}    # results are rounded
FORMS = ["warp", "warp_by_grid"]


def inputs(counts, size, points, dtype=torch.float32, seed=0):
    """Image, field, control points, weights, label and g, which `dtype` holds exactly.

    u is a multiple of 1/4 plus 1/16, and from control points a multiple of 4^-4 plus 1/1024:
    exact whatever the order of the sums, and nowhere where the derivative or the label jumps.
    """
    draw = torch.Generator().manual_seed(seed)
    (images, fields, channels), axes = counts, len(size)

    def numbers(*shape):
        return torch.randint(-64, 65, shape, generator=draw).to(dtype) / 32

    u = torch.randint(-12, 13, (fields, axes, *size), generator=draw) / 4 + 1 / 16
    control = torch.randint(-12, 13, (fields, axes, *points), generator=draw) / 4 + 1 / 1024
    weights = []
    for n, g in zip(size, points, strict=True):          # 4 quarters a row, on any points
        quarters = torch.randint(g, (n, 4), generator=draw)
        weights.append(torch.nn.functional.one_hot(quarters, g).sum(1) / 4)
    batch = max(images, fields)
    label = torch.randint(-9000, 9000, (batch, *size), generator=draw, dtype=torch.int16)
    image, g = numbers(images, channels, *size), numbers(batch, channels, *size)
    return image, u, control, weights, label, g


def expected(name, image, vectors, weights, label, g, outside):
    """The reference in float64: image, label, gradients to image and vectors."""
    image, vectors = (t.double().requires_grad_() for t in (image, vectors))
    options = {"outside": outside}
    if name == "warp_by_grid":
        options["spline"] = [w.double() for w in weights]
    new, moved = getattr(op, name + "_reference")(image, vectors, label, **options)
    return new.detach(), moved, *torch.autograd.grad(new, (image, vectors), g.double())


def interpreted(name, image, vectors, weights, label, g, outside):
    """The same from the host functions of the Triton form, which the operation calls on a GPU."""
    from medtutor.kernels.warp import _triton

    image, vectors, label = op._solid(image, vectors, label)
    g, zero = g.unsqueeze(2) if g.ndim == 4 else g, outside == "zero"
    weights = [torch.ones(1, 1)] * (3 - len(weights)) + weights
    new, moved = torch.full_like(g, 7), torch.full_like(label, 7)
    if name == "warp":
        _triton.warp(image, vectors, label, zero, new, moved)
        slopes = (_triton.of_image(g, image, vectors, zero),
                  _triton.of_displacement(g, image, vectors, zero))
    else:
        _triton.warp_by_grid(image, vectors, weights, label, zero, new, moved)
        slopes = (_triton.of_image_by_grid(g, image, vectors, weights, zero),
                  _triton.of_control(g, image, vectors, weights, zero))
    if vectors.shape[1] == 2:
        return new.squeeze(2), moved.squeeze(1), *(t.squeeze(2) for t in slopes)
    return new, moved, *slopes


def close(found, wanted, tolerance):
    new, moved, of_image, of_vectors = found
    assert moved.dtype == wanted[1].dtype and torch.equal(moved, wanted[1])
    for one, other in zip((new, of_image, of_vectors), (wanted[0], *wanted[2:]), strict=True):
        scale = other.abs().max().item() + 1e-3
        torch.testing.assert_close(one.double(), other, rtol=0, atol=tolerance * scale)


def run(form, name, case, outside, tolerance, dtype=torch.float32):
    image, u, control, weights, label, g = inputs(*case, dtype)
    given = name, image, u if name == "warp" else control, weights, label, g, outside
    found = form(*given)
    assert [t.dtype for t in found] == [dtype, label.dtype, dtype, torch.float32]
    close(found, expected(*given), tolerance)


@pytest.mark.parametrize("outside", ["edge", "zero"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", FORMS)
def test_interpreter_against_reference(interpreter, name, case, outside):
    run(interpreted, name, case, outside, INTERPRETED[torch.float32])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", FORMS)
def test_interpreter_in_half_precision(interpreter, name, dtype):
    run(interpreted, name, CASES[0], "zero", INTERPRETED[dtype], dtype)


def test_interpreter_with_more_points_than_one_program_takes(interpreter):
    run(interpreted, "warp_by_grid", ((1, 1, 1), (1, 2, 150), (1, 10, 35)), "edge", 4e-6)


def test_interpreter_at_whole_steps_and_halves(interpreter):
    """A whole number shifts, bit for bit; half way the label takes the next voxel."""
    image, _, _, weights, label, g = inputs((1, 1, 1), (2, 3, 9), (1, 1, 1))
    for step in (0.0, 2.0, -1.0, 0.5, -0.5, 1e9, -1e9):
        u = torch.zeros(1, 3, 2, 3, 9)
        u[:, 2] = step
        for outside in ("edge", "zero"):
            given = "warp", image, u, weights, label, g, outside
            found, wanted = interpreted(*given), expected(*given)
            assert torch.equal(found[0].double(), wanted[0])
            assert torch.equal(found[1], wanted[1])


def test_interpreter_derivative_towards_larger_u_at_a_whole_number(interpreter):
    """With old = 0, 1, 4, 9, 16 and u = 0: the differences to the next; 0 at the edge, -16 to 0."""
    from medtutor.kernels.warp import _triton

    image = torch.arange(5.0).view(1, 1, 1, 1, 5) ** 2
    u, g = torch.zeros(1, 2, 1, 1, 5), torch.ones_like(image)
    for zero, last in ((False, 0.0), (True, -16.0)):
        found = _triton.of_displacement(g, image, u, zero)
        assert found[0, 1].flatten().tolist() == [1, 3, 5, 7, last]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_interpreter_spreads_nan_of_u_to_the_image_only(interpreter):
    image, u, _, weights, label, g = inputs((1, 1, 2), (2, 3, 4), (1, 1, 1))
    u[0, 1, 1, 2, 3], u[0, 2, 0, 0, 0] = torch.nan, torch.inf
    for outside in ("edge", "zero"):
        new, moved, *_ = interpreted("warp", image, u, weights, label, g, outside)
        lost = torch.zeros(2, 3, 4, dtype=torch.bool)
        lost[1, 2, 3] = lost[0, 0, 0] = True
        assert torch.equal(new.isnan(), lost.expand(1, 2, -1, -1, -1))
        values = set(label.flatten().tolist()) | {0}
        assert set(moved.flatten().tolist()) <= values


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int32, torch.int64])
def test_interpreter_carries_labels_as_bytes(interpreter, kind):
    from medtutor.kernels.warp import _op, _triton

    image, u, _, _, label, _ = inputs((1, 1, 1), (2, 3, 5), (1, 1, 1))
    label = label > 0 if kind == torch.bool else label.to(kind)
    moved = torch.empty_like(label)
    _triton.warp(image, u, _op._as_bytes(label), True, torch.empty_like(image),
                 _op._as_bytes(moved))
    assert torch.equal(moved, op.warp_reference(image, u, label, outside="zero")[1])


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", GPU)
@pytest.mark.parametrize("outside", ["edge", "zero"])
@pytest.mark.parametrize("name", FORMS)
def test_gpu_against_reference(name, outside, dtype):
    def on_gpu(name, image, vectors, weights, label, g, outside):
        image, vectors = (t.cuda().requires_grad_() for t in (image, vectors))
        options = {} if name == "warp" else {"spline": [w.cuda() for w in weights]}
        new, moved = getattr(op, name)(image, vectors, label.cuda(), outside=outside, **options)
        slopes = torch.autograd.grad(new, (image, vectors), g.cuda())
        return [t.detach().cpu() for t in (new, moved, *slopes)]

    for case in [*CASES, ((2, 2, 3), (19, 37, 131), (5, 4, 9))]:
        run(on_gpu, name, case, outside, GPU[dtype], dtype)
