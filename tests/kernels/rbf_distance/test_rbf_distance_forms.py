"""The Triton form, interpreted or on a GPU, and how torch knows the operation."""

import itertools
import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.rbf_distance import rbf_distance, rbf_distance_reference
from medtutor.kernels.rbf_distance._op import rbf_distance_backward_op, rbf_distance_op

FEW, MANY = 5, 30
SHAPES = [(37, 5, 19), (1, 1, 1), (35, 21, 33), (65, 66, 70)]       # N, K, D
TOLERANCE = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}   # of dx, as x


def inputs(points, count, size, weighted, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, g = (torch.randn(points, s, generator=generator, dtype=torch.float64)
            for s in (size, count))
    centres, w = (torch.rand(count, size, generator=generator, dtype=torch.float64) * 2
                  for _ in range(2))
    return x.to(dtype), centres.to(dtype), w.to(dtype) if weighted else None, g


def check(form, x, centres, w, g, tolerance):
    """`form` against the reference in float64, values relative to themselves."""
    given = [t.double().requires_grad_() for t in (x, centres, w) if t is not None]
    truth = rbf_distance_reference(*given)
    truth.backward(g.double())
    value, gradients = form(x, centres, w, g.float())
    assert value.dtype == torch.float32
    assert ((value.double() - truth).abs() <= 5e-6 * truth).all()
    for mine, leaf, least in zip(gradients, given, (tolerance, 2e-6, 2e-6), strict=False):
        assert (mine.double() - leaf.grad).abs().max() <= least * leaf.grad.abs().max()


def triton_form(x, centres, w, g):
    from medtutor.kernels.rbf_distance import _triton

    value, near = _triton.forward(x, centres, w)
    return value, _triton.backward(g, x, centres, w, near, [True, True, w is not None])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_triton_interpreted(interpreter, shape, weighted, dtype):
    x, centres, w, g = inputs(*shape, weighted, torch.float32)
    check(triton_form, x.to(dtype), centres, w, g, TOLERANCE[dtype])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_triton_interpreted_near_pairs(interpreter, shape, weighted):
    x, centres, w, g = inputs(*shape, weighted, torch.float32)
    centres = (centres - 1) * 1e3
    x = centres[torch.arange(len(x)) % len(centres)] + x * 1e-2
    truth = rbf_distance_reference(x.double(), centres.double())
    g = torch.exp(-truth / truth.min(1).values.mean())               # weighs the near pairs
    check(triton_form, x, centres, w, g, 2e-6)


def test_triton_interpreted_nan_and_infinity(interpreter):
    from medtutor.kernels.rbf_distance import _triton

    for count in (FEW, MANY):
        x, centres, _, _ = inputs(9, count, 6, False, torch.float32)
        x[1, 2], x[2, 3], centres[1, 2], centres[2, 3] = (
            float(v) for v in ("nan", "inf", "nan", "-inf"))
        truth = rbf_distance_reference(x, centres)
        assert torch.allclose(_triton.forward(x, centres, None)[0], truth, rtol=1e-5, atol=0,
                              equal_nan=True)


def public_form(x, centres, w, g):
    given = [t.clone().requires_grad_() for t in (x, centres, w) if t is not None]
    value = rbf_distance(*given)
    value.backward(g)
    return value.detach(), [t.grad for t in given]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES, (1031, 10, 257), (1031, 129, 257)])
def test_on_gpu(shape, weighted, dtype):
    x, centres, w, g = (None if t is None else t.cuda()
                        for t in inputs(*shape, weighted, torch.float32))
    check(public_form, x.to(dtype), centres, w, g, TOLERANCE[dtype])


@pytest.mark.gpu
def test_near_pairs_on_gpu():
    x, centres, _, _ = (None if t is None else t.cuda()
                        for t in inputs(1031, 129, 257, False, torch.float32))
    centres = (centres - 1) * 1e3
    x = centres[torch.arange(len(x)) % len(centres)] + x * 1e-2
    truth = rbf_distance_reference(x.double(), centres.double())
    check(public_form, x, centres, None, torch.exp(-truth / truth.min(1).values.mean()), 2e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 99))
def test_symmetry_shift_and_scale(points, count, size, seed):
    x, centres, _, _ = inputs(points, count, size, False, seed=seed)
    s = rbf_distance(x, centres)
    assert (s >= 0).all()
    assert torch.allclose(rbf_distance(centres, x).T, s, rtol=1e-12)
    assert torch.allclose(rbf_distance(x + 3, centres + 3), s, rtol=1e-10)
    assert torch.allclose(rbf_distance(x * 4, centres * 4), s * 16, rtol=1e-12)
    assert torch.allclose(s, rbf_distance_reference(x, centres), rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 40), st.integers(1, 20), st.integers(0, 99))
def test_weights_are_linear_and_stretch_the_space(points, count, size, seed):
    x, centres, w, _ = inputs(points, count, size, True, seed=seed)
    assert torch.allclose(rbf_distance(x, centres, w * 2), rbf_distance(x, centres, w) * 2)
    assert torch.allclose(rbf_distance(x, centres, torch.ones_like(w)), rbf_distance(x, centres))
    root = w[0].sqrt()
    same = rbf_distance(x, centres, w[:1].expand(count, size))
    assert torch.allclose(same, rbf_distance(x * root, centres * root))


@pytest.mark.parametrize("weights", [None, 1, 2])
@pytest.mark.parametrize("count", [FEW, MANY])
def test_gradient(count, weights):
    x, centres, w, _ = inputs(4, count, 3, True)
    x[0] = centres[0] + 1e-3                                 # one near pair, whatever the shift
    given = (x, centres) if weights is None else (x, centres, w[:, 0] if weights == 1 else w)
    given = [t.clone().requires_grad_() for t in given]
    assert torch.autograd.gradcheck(rbf_distance, given)


def test_gradient_of_some_inputs():
    for count, weighted, which in itertools.product(
            (FEW, MANY), (False, True), itertools.product((False, True), repeat=3)):
        x, centres, w, g = inputs(9, count, 4, True)
        given = [t.requires_grad_(need) for t, need in zip((x, centres, w), which, strict=True)]
        given = given if weighted else given[:2]
        needed = [t for t in given if t.requires_grad]
        if needed:
            ours = torch.autograd.grad(rbf_distance(*given), needed, g)
            truth = torch.autograd.grad(rbf_distance_reference(*given), needed, g)
            assert all(torch.allclose(a, b) for a, b in zip(ours, truth, strict=True))


def test_second_gradient_is_refused():
    x = inputs(4, FEW, 3, False)[0].requires_grad_()
    first, = torch.autograd.grad(rbf_distance(x, x.detach()).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError):
        first.sum().backward()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [FEW, MANY])
def test_opcheck(count, weighted):
    x, centres, w, g = inputs(6, count, 4, weighted)
    leaves = [None if t is None else t.clone().requires_grad_() for t in (x, centres, w)]
    torch.library.opcheck(rbf_distance_op, leaves)
    near = rbf_distance_op(x, centres, w)[1]
    torch.library.opcheck(rbf_distance_backward_op,
                          (g, x, centres, w, near, [True, True, weighted]))
    torch.library.opcheck(rbf_distance_backward_op,
                          (g, x, centres, w, near, [False, True, False]))


@pytest.mark.parametrize("count", [FEW, MANY])
def test_compile(count):
    def response(x, centres, w):
        return torch.exp(-rbf_distance(x, centres, w) / 9).sum()

    compiled = torch.compile(response, fullgraph=True, backend="aot_eager")
    results = []
    for function in (response, compiled):
        x, centres, w, _ = inputs(2, count, 3, True)
        leaves = [t.clone().requires_grad_() for t in (x, centres, w)]
        function(*leaves).backward()
        results.append([t.grad for t in leaves])
    assert all(torch.allclose(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [10, 64])
def test_threads_do_not_change_a_bit(count, weighted):
    x, centres, w, g = inputs(4000, count, 130, weighted, torch.float32)
    centres[1] = x[5]                                                    # near pairs among them
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        value, gradients = public_form(x, centres, w, g.float())
        results.append([value, *gradients])
    torch.set_num_threads(1)
    for others in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], others, strict=True))


def test_no_tensor_of_all_differences():
    """What torch allocates stays at a few times inputs and outputs, far from N K D."""
    points, count, size = 512, 256, 256
    x, centres, _, g = inputs(points, count, size, False, torch.float32)
    from torch.profiler import ProfilerActivity, profile

    public_form(x, centres, None, g.float())
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        public_form(x, centres, None, g.float())
    largest = max(event.cpu_memory_usage for event in recorded.key_averages()
                  if hasattr(event, "cpu_memory_usage"))
    assert 0 < largest < 40 * 4 * points * size < points * count * size * 4
    tracemalloc.start()
    public_form(x, centres, None, g.float())
    assert tracemalloc.get_traced_memory()[1] < 4 * points * (size + count)
    tracemalloc.stop()
