"""The fast forms of the overlap sums beside the reference, and what torch asks of an operation."""

import numpy as np
import pytest
import torch
from numba import njit

from medtutor.kernels.overlap import OverlapSums, overlap_sums, overlap_sums_reference
from medtutor.kernels.overlap._op import overlap_backward_op, overlap_sums_op
from medtutor.kernels.overlap._vector_math import exp_negative, log1p_positive, log1p_unit

# Of the largest slope, and of each sum. Half precision rounds the slope when it is written.
TOLERANCE = {torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
AWKWARD = [(2, 1, 7, 5), (3, 5, 4, 3, 9), (1, 2, 1), (1, 1, 70_001), (2, 3, 66_000)]


def case(shape, dtype=torch.float32, label=torch.uint8, device="cpu"):
    draw = torch.Generator().manual_seed(0)
    z = (3 * torch.randn(shape, generator=draw)).to(dtype)
    t = torch.randint(max(shape[1], 2), (shape[0], *shape[2:]), generator=draw).to(label)
    slopes = torch.randn(shape[0], 6, shape[1], generator=draw)
    return z.to(device), t.to(device), slopes.to(device)


def wanted(z, t, slopes):
    """Sums (B, 6, K) and slope in float64."""
    wide = z.detach().double().requires_grad_()
    stack = torch.stack(list(overlap_sums_reference(wide, t)), 1)
    (slope,) = torch.autograd.grad(stack, wide, slopes.to(stack))
    return stack.detach(), slope


def near(got, expected, tolerance):
    torch.testing.assert_close(got.double(), expected, rtol=tolerance, atol=tolerance * 5)


@pytest.mark.parametrize("label", [torch.uint8, torch.int64, torch.float32])
@pytest.mark.parametrize("shape", AWKWARD)
def test_cpu_form(shape, label):
    if label == torch.float32 and shape[1] > 1:
        label = torch.int32
    z, t, slopes = case(shape, label=label)
    z.requires_grad_()
    sums, slope = wanted(z, t, slopes)
    ours = overlap_sums(z, t)
    for value, row in zip(ours, sums.unbind(1), strict=True):
        near(value.detach(), row, 2e-6)
    whole = sum((s * w).sum() for s, w in zip(ours, slopes.unbind(1), strict=True))
    whole.backward()
    near(z.grad, slope, 2e-6)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", AWKWARD)
def test_triton_interpreted(interpreter, shape, dtype):
    from medtutor.kernels.overlap._triton import slope_triton, sums_triton

    z, t, slopes = case(shape, dtype)
    sums, slope = wanted(z, t, slopes)
    near(sums_triton(z, t, True, True, True), sums, 2e-6)
    near(slope_triton(slopes, z, t, True), slope, TOLERANCE[dtype])
    # Without the background's cross entropy, its slope of no account.
    slopes[:, 5] = 0
    near(slope_triton(slopes, z, t, False), wanted(z, t, slopes)[1], TOLERANCE[dtype])


@pytest.mark.parametrize("label", [torch.int64, torch.float32])
def test_triton_label_types(interpreter, label):
    from medtutor.kernels.overlap._triton import slope_triton, sums_triton

    z, t, slopes = case((2, 1, 7, 5), label=label)
    t = t * 0.5 if label == torch.float32 else t
    sums, slope = wanted(z, t, slopes)
    near(sums_triton(z, t, True, True, True), sums, 2e-6)
    near(slope_triton(slopes, z, t, True), slope, 2e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", AWKWARD)
def test_gpu(shape, dtype):
    z, t, slopes = case(shape, dtype, device="cuda")
    z.requires_grad_()
    sums, slope = wanted(z.cpu(), t.cpu(), slopes.cpu())
    ours = overlap_sums(z, t)
    for value, row in zip(ours, sums.unbind(1), strict=True):
        near(value.detach().cpu(), row, 5e-6)
    sum((s * w).sum() for s, w in zip(ours, slopes.unbind(1), strict=True)).backward()
    near(z.grad.cpu(), slope, max(TOLERANCE[dtype], 5e-6))
    again = overlap_sums(z, t)
    assert all(torch.equal(a, b) for a, b in zip(ours, again, strict=True))


@pytest.mark.parametrize("shape", [(1, 1, 300_000), (2, 3, 200_000)])
def test_same_bits_for_any_number_of_threads(shape):
    z, t, slopes = case(shape)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            stack = overlap_sums_op(z, t, True, True, True, True)
            results.append((stack, overlap_backward_op(slopes, z, t, True)))
    finally:
        torch.set_num_threads(before)
    for stack, slope in results[1:]:
        assert torch.equal(stack, results[0][0]) and torch.equal(slope, results[0][1])


@pytest.mark.parametrize("classes", [1, 3])
def test_not_contiguous(classes):
    z, t, _ = case((2, classes, 6, 5))
    for strange, label in (
        (z.contiguous(memory_format=torch.channels_last), t),
        (z.transpose(2, 3).contiguous().transpose(2, 3), t.mT.contiguous().mT),
        (z.repeat(1, 2, 1, 1)[:, :classes], t[:, :, None].expand(-1, -1, 2, -1)[:, :, 1]),
    ):
        strange = strange.detach().requires_grad_()
        plain = z.clone().requires_grad_()
        ours, same = overlap_sums(strange, label), overlap_sums(plain, t)
        assert all(torch.equal(a, b) for a, b in zip(ours, same, strict=True))
        ours.both.sum().backward()
        same.both.sum().backward()
        assert torch.equal(strange.grad, plain.grad)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_checks_the_operation(classes, dtype):
    z, t, slopes = case((2, classes, 4, 3), dtype)
    torch.library.opcheck(overlap_sums_op, (z.requires_grad_(), t, True, True, True, True))
    torch.library.opcheck(overlap_backward_op, (slopes.to(dtype), z.detach(), t, True))


@pytest.mark.parametrize("classes", [1, 3])
def test_compiled(classes):
    """torch.compile traces the registered operation, forward and backward, without a break."""
    z, t, _ = case((2, classes, 4, 3))

    def loss(logits):
        sums = overlap_sums(logits, t, ce_background=classes == 1)
        dice = (2 * sums.both + 1) / (sums.predicted + sums.true + 1)
        return 1 - dice.mean() + sums.ce_foreground.sum()

    plain, traced = z.clone().requires_grad_(), z.clone().requires_grad_()
    value = loss(plain)
    value.backward()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")(traced)
    compiled.backward()
    torch.testing.assert_close(compiled, value)
    torch.testing.assert_close(traced.grad, plain.grad)


def test_nothing_is_kept_and_the_target_has_no_slope():
    z, t, _ = case((2, 1, 40), label=torch.float32)
    z.requires_grad_(), t.requires_grad_()
    saved = []

    def pack(tensor):
        saved.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        sums = overlap_sums(z, t)
    assert isinstance(sums, OverlapSums)
    assert sorted(saved) == sorted([z.data_ptr(), t.data_ptr()])
    sums.both.sum().backward()
    assert t.grad is None and not sums.true.requires_grad


@njit
def _by_line(x, exponential, unit, positive):
    for i in range(x.size):
        exponential[i] = exp_negative(-x[i])
        unit[i] = log1p_unit(min(x[i], np.float32(1)))
        positive[i] = log1p_positive(x[i])


def test_elementary_functions():
    """Over the whole range, to 4e-7 of the value: float32 rounds to 6e-8."""
    x = np.concatenate([
        np.zeros(1), np.logspace(-37, 2, 200_000), np.linspace(0, 90, 100_000),
        2.0 ** np.arange(7), np.nextafter(2.0 ** np.arange(7), 0),
    ]).astype(np.float32)
    got = [np.empty_like(x) for _ in range(3)]
    _by_line(x, *got)
    wide = x.astype(np.float64)
    exponential = np.exp(-np.minimum(wide, 86))
    for ours, exact in zip(
        got, (exponential, np.log1p(np.minimum(wide, 1)), np.log1p(wide)), strict=True
    ):
        assert (np.abs(ours - exact) <= 4e-7 * exact).all()


def test_loops_are_vector_code():
    """The reason for these forms: without wide registers they are seven times slower."""
    from medtutor.kernels.overlap import _sigmoid, _softmax

    for loop, arguments in (
        (_sigmoid.sigmoid_sums, (True, True)),
        (_softmax.softmax_sums, (True, True, True)),
    ):
        z = np.zeros((1, 1 if "sigmoid" in loop.__name__ else 3, 64), np.float32)
        fresh = njit(nogil=True, fastmath=loop.targetoptions["fastmath"], error_model="numpy")(
            loop.py_func)
        fresh(0, 1, z, np.zeros((1, 64), np.uint8), 64, *arguments, np.zeros((1, 6, z.shape[1])),
              np.zeros((1, 3)))
        code = next(iter(fresh.inspect_llvm().values()))
        assert "llvm.fma" in code or "fmul" in code
        assert any(f"<{lanes} x float>" in code for lanes in (4, 8, 16))
        assert "expf" not in code and "log1pf" not in code
