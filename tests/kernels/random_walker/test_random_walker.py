"""The random walker against closed forms, a direct solver and scikit-image; its two fast forms."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import spsolve
from skimage.segmentation import random_walker as of_skimage

from medtutor.kernels import random_walker as module
from medtutor.kernels.random_walker import _op, _solve, random_walker, random_walker_reference

# Of a probability, where no region hangs on weak edges only.
TOLERANCE = {torch.float32: 2e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
BOTH = pytest.mark.parametrize("preconditioner", ["multigrid", "jacobi"])


def direct(image, seeds, labels, beta=130.0, spacing=None):
    """Probabilities by a sparse factorisation in float64; image (C, *S)."""
    image, seeds = image.double().numpy(), seeds.numpy()
    shape, index = seeds.shape, np.arange(seeds.size).reshape(seeds.shape)
    scale = beta / (10 * image.std() * np.sqrt(len(image)))
    matrix = sp.lil_matrix((seeds.size, seeds.size))
    for axis, step in enumerate(spacing or [1] * len(shape)):
        weight = np.exp(-scale * (np.diff(image, axis=axis + 1) ** 2).sum(0) / step**2) + 1e-10
        low = index.take(range(shape[axis] - 1), axis)
        high = index.take(range(1, shape[axis]), axis)
        for w, i, j in zip(weight.ravel(), low.ravel(), high.ravel(), strict=True):
            matrix[i, i] += w
            matrix[j, j] += w
            matrix[i, j] -= w
            matrix[j, i] -= w
    matrix, flat = matrix.tocsr(), seeds.ravel()
    unknown, known = np.flatnonzero(flat == 0), np.flatnonzero(flat)
    found = np.zeros((labels, seeds.size))
    for label in range(labels):
        found[label, known] = flat[known] == label + 1
        right = -matrix[unknown][:, known] @ found[label, known]
        found[label, unknown] = spsolve(matrix[unknown][:, unknown].tocsc(), right)
    return torch.from_numpy(found.reshape(labels, *shape))


@BOTH
def test_chain_of_equal_weights_is_a_straight_line(preconditioner):
    # seeds 1 and 2 at the ends of 9 voxels: label 2 rises by 1/8 a step
    seeds = torch.zeros(1, 9, dtype=torch.int64)
    seeds[0, 0], seeds[0, 8] = 1, 2
    found = random_walker(torch.zeros(1, 9, dtype=torch.float64), seeds, tolerance=1e-10,
                          preconditioner=preconditioner)
    line = torch.linspace(0, 1, 9, dtype=torch.float64)
    torch.testing.assert_close(found.probabilities[1, 0], line, atol=1e-8, rtol=0)
    assert found.labels[0, :4].tolist() == [1] * 4 and found.labels[0, 5:].tolist() == [2] * 4


def test_hand_value():
    # image 0 0 1, seeds 1 ? 2: std = sqrt(2)/3, so w = exp(-2/(10 sqrt(2)/3)) = exp(-.42426)
    # = .65425 across the step and 1 on the flat side; p1 = 1 / (1 + .65425) = .60451
    found = random_walker(torch.tensor([[0.0, 0, 1]]), torch.tensor([[1, 0, 2]]), beta=2)
    assert found.probabilities[0, 0, 1].item() == pytest.approx(0.60451, abs=1e-5)
    # two voxels apart instead of one: the exponent is a quarter, w = .89937, p1 = .52649
    apart = random_walker(torch.tensor([[0.0, 0, 1]]), torch.tensor([[1, 0, 2]]), beta=2,
                          spacing=(1, 2))
    assert apart.probabilities[0, 0, 1].item() == pytest.approx(0.52649, abs=1e-5)


@BOTH
@pytest.mark.parametrize("shape, labels, channels", [
    ((7, 6, 5), 2, 1), ((5, 1, 8), 3, 2), ((13, 12), 3, 1), ((8, 7, 9), 4, 1)])
def test_direct_solver(spheres, shape, labels, channels, preconditioner):
    image, seeds, _ = spheres(shape, labels, dtype=torch.float64)
    image = torch.stack([image, image.flip(0)][:channels])
    spacing = [1.0, 1.5, 0.5][:len(shape)]
    wanted = direct(image, seeds, labels, spacing=spacing)
    found = random_walker(image, seeds, tolerance=1e-11, spacing=spacing,
                          preconditioner=preconditioner)
    torch.testing.assert_close(found.probabilities, wanted, atol=1e-6, rtol=0)
    assert found.residual.max() <= 1e-11
    plain = random_walker_reference(image, seeds, labels, spacing=spacing, tolerance=1e-11)
    torch.testing.assert_close(plain.probabilities, wanted, atol=1e-6, rtol=0)
    assert torch.equal(plain.labels, found.labels)


@BOTH
@pytest.mark.parametrize("shape, labels", [((17, 18, 19), 2), ((16, 16, 16), 3), ((40, 51), 4)])
def test_scikit_image(spheres, shape, labels, preconditioner):
    image, seeds, _ = spheres(shape, labels)
    theirs = of_skimage(image.double().numpy(), seeds.numpy(), tol=1e-6, mode="cg_j")
    ours = random_walker(image, seeds, preconditioner=preconditioner)
    assert ours.labels.dtype == seeds.dtype
    assert np.mean(ours.labels.numpy() == theirs) >= 0.999


def test_scikit_image_with_channels_outside_and_gaps(spheres):
    image, seeds, _ = spheres((12, 11, 10), 2, dtype=torch.float64)
    both = torch.stack([image, image.flip(1)])
    seeds[4] = -1                                       # a wall: two halves
    theirs = of_skimage(both.numpy(), seeds.numpy(), tol=1e-9, channel_axis=0,
                        return_full_prob=True)
    ours = random_walker(both, seeds, tolerance=1e-9)
    torch.testing.assert_close(ours.probabilities, torch.from_numpy(theirs), atol=1e-5, rtol=0)


@BOTH
def test_isolated_voxels_lie_outside(preconditioner):
    seeds = torch.zeros(3, 9, 9, dtype=torch.int32)
    seeds[:, 5] = -1
    seeds[0, 0, 0], seeds[2, 4, 8] = 1, 2               # nothing beyond the wall
    found = random_walker(torch.zeros(3, 9, 9), seeds, preconditioner=preconditioner)
    assert (found.labels[:, 5:] == -1).all() and (found.labels[:, :5] > 0).all()
    assert (found.probabilities[:, :, 5:] == 0).all()
    seeds[1, 8, 4] = 1                                  # one seed, and it is reached
    found = random_walker(torch.zeros(3, 9, 9), seeds, preconditioner=preconditioner)
    assert (found.probabilities[0, :, 6:] > 0.999).all()


def test_a_thin_barrier_stops_the_walk():
    # a sheet of one voxel, ten times as bright, between two seeds off its middle: each side goes
    # to its own seed, though the other is nearer to many of its voxels
    image = torch.zeros(16, 16, 24)
    image[:, :, 8] = 10
    image += 0.01 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    seeds = torch.zeros(16, 16, 24, dtype=torch.int64)
    seeds[8, 8, 7], seeds[8, 8, 23] = 1, 2
    found = random_walker(image, seeds, tolerance=1e-5)
    assert (found.labels[:, :, :8] == 1).all() and (found.labels[:, :, 9:] == 2).all()


@pytest.mark.parametrize("labels", [1, 2])
def test_nothing_left_to_find(labels):
    seeds = torch.arange(12).view(3, 4) % labels + 1
    found = random_walker(torch.rand(3, 4), seeds)
    assert torch.equal(found.labels, seeds) and found.iterations == 0
    assert torch.equal(found.probabilities.argmax(0) + 1, seeds)


def test_one_label_takes_all(spheres):
    image, seeds, _ = spheres((6, 7, 8), 1)
    found = random_walker(image, seeds)
    assert (found.probabilities == 1).all() and found.probabilities.shape == (1, 6, 7, 8)
    plain = random_walker_reference(image[None], seeds, 1, spacing=[1, 1, 1])
    assert (plain.probabilities == 1).all()


@BOTH
def test_float32_reaches_its_tolerance(spheres, preconditioner):
    image, seeds, _ = spheres((20, 21, 22), 3, noise=0.1)
    for tolerance in (1e-2, 1e-4, 1e-6):
        found = random_walker(image, seeds, tolerance=tolerance, preconditioner=preconditioner)
        assert found.residual.max() <= tolerance and found.probabilities.dtype == torch.float32


def test_residual_is_the_residual(spheres):
    image, seeds, _ = spheres((6, 7, 8), 3, dtype=torch.float64)
    found = random_walker(image, seeds, tolerance=0.05)
    plain = random_walker_reference(image[None], seeds, 3, spacing=[1] * 3, max_iterations=0,
                                    start=found.probabilities, tolerance=0.01)
    torch.testing.assert_close(plain.residual, found.residual, rtol=0.1, atol=1e-4)   # clipped


def test_warm_start(spheres):
    image, seeds, truth = spheres((24, 24, 24), 3)
    first = random_walker(image, seeds, tolerance=1e-4)
    again = random_walker(image, seeds, tolerance=1.01e-4, start=first.probabilities)
    assert again.iterations <= 3 < first.iterations
    more = seeds.clone()
    more[12, 12, 12] = truth[12, 12, 12]
    warm = random_walker(image, more, tolerance=1e-4, start=first.probabilities)
    cold = random_walker(image, more, tolerance=1e-4)
    assert warm.iterations < cold.iterations
    assert (warm.labels == cold.labels).float().mean() > 0.999


def test_stops_and_says_so(spheres):
    image, seeds, _ = spheres((12, 12, 12), 2)
    with pytest.warns(UserWarning, match="stopped at a relative residual .* after 2 iterations"):
        found = random_walker(image, seeds, max_iterations=2, preconditioner="jacobi")
    assert found.iterations == 2 and found.residual.max() > 1e-3


def on_triton(image, seeds, labels, beta, tolerance, multigrid, start=None):
    """The solve with the GPU's kernels, wherever the tensors are."""
    from medtutor.kernels.random_walker import _launch

    work = seeds.flatten().to(torch.int16)
    order = _op.put_last(work, _op.check_values(seeds, labels, None))
    space = tuple(seeds.shape) if seeds.ndim == 3 else (seeds.shape[0], 1, seeds.shape[1])
    first = None if start is None else start[order[:-1]].flatten(1)
    x, grid, taken, relative = _solve.solve(
        _launch, image.reshape(-1, *space).contiguous(), work, labels,
        _op.weight_scale(image, beta), (1.0, 1.0, 1.0), tolerance, multigrid, first, 500)
    probabilities, found = _launch.finish(x, work, grid, order)
    return probabilities.view(labels, *seeds.shape), found.view(seeds.shape), taken, relative


@pytest.mark.parametrize("shape, labels, channels, multigrid", [
    ((5, 6, 9), 3, 1, True), ((11, 13), 2, 2, False)])
def test_triton_interpreted(interpreter, spheres, shape, labels, channels, multigrid):
    image, seeds, _ = spheres(shape, labels, noise=0.1)
    seeds[0, 0] = -1
    image = torch.stack([image, image.flip(0)][:channels])
    wanted = random_walker(image.double(), seeds, beta=20, tolerance=1e-9)
    seeds = _op.without_isolated(seeds)
    probabilities, found, taken, relative = on_triton(image, seeds, labels, 20, 1e-4, multigrid)
    assert relative.max() <= 1e-4 and 0 < taken
    torch.testing.assert_close(probabilities.double(), wanted.probabilities, atol=1e-3, rtol=0)
    _, _, again, _ = on_triton(image, seeds, labels, 20, 1e-4, multigrid, probabilities)
    assert again == 0 or again < taken


@pytest.mark.parametrize("name", ["multiply", "smooth", "start", "restrict", "prolong", "update"])
def test_triton_passes_are_the_cpu_passes(interpreter, name):
    from medtutor.kernels.random_walker import _launch, _numba

    draw = torch.Generator().manual_seed(3)
    vectors, results = {}, []
    for form in (_numba, _launch):
        fine, coarse = (_solve.Grid(shape, None, []) for shape in ((7, 15, 13), (4, 8, 7)))
        image = vectors.setdefault("image", torch.rand(2, 7, 15, 13, generator=draw))
        seeds = vectors.setdefault("seeds", torch.randint(-30, 4, (1365,), generator=draw)
                                   .clamp(min=-1).add(torch.arange(1365) % 9 != 0)
                                   .clamp(max=3).to(torch.int16))
        give = (lambda t: t.clone()) if form is _launch else (lambda t: t.numpy().copy())
        for grid in (fine, coarse):
            grid.edges = form.zeros(4, grid, give(image))
        form.write_edges(give(image), give(seeds), 2.0, (1.0, 0.5, 2.0), fine)
        form.coarsen(fine, coarse, 0.75)

        def vector(key, grid, form=form, give=give):
            inside = slice(grid.guard, grid.guard + grid.length)
            values = form.zeros(2, grid, grid.edges)
            fresh = vectors.get(key)
            if fresh is None:
                fresh = vectors[key] = torch.rand(2, grid.length, generator=draw)
            values[:, inside] = give(fresh)
            return values

        a, b, c, d, e = (vector(key, fine) for key in "abcde")
        right = vector("right", coarse)
        alive = give(torch.tensor([True, False]))
        step = give(torch.tensor([0.3, 0.7], dtype=torch.float64))
        if name == "restrict":
            sums = form.restrict(fine, a, b, coarse, right, alive)
        elif name == "prolong":
            sums = form.prolong(coarse, right, fine, a, alive)
        elif name == "multiply":
            sums = form.multiply(fine, a, b, alive)
        elif name == "smooth":
            sums = form.smooth(fine, a, b, c, 0.8, alive)
        elif name == "start":
            sums = form.start(fine, a, b, 0.8, alive)
        else:
            sums = form.update(fine, a, b, c, d, e, step, 0.8, alive)
        square, size = form.residual(give(image), give(seeds), 2.0, (1.0, 0.5, 2.0), fine,
                                     vector("x", fine), vector("y", fine), 3)
        outs = [fine.edges, coarse.edges, a, b, c, d, e, right, square, size]
        results.append([torch.as_tensor(out).double() for out in outs]
                       + [torch.zeros(1) if sums is None else torch.as_tensor(sums).double()])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gpu(spheres, dtype):
    image, seeds, _ = spheres((33, 31, 67), 3, noise=0.1)
    image = image.to(dtype)
    wanted = random_walker(image.double(), seeds, tolerance=1e-9)
    for preconditioner in ("multigrid", "jacobi"):
        found = random_walker(image.cuda(), seeds.cuda(), tolerance=1e-5,
                              preconditioner=preconditioner)
        assert found.probabilities.is_cuda and found.residual.max() <= 1e-5
        torch.testing.assert_close(found.probabilities.cpu().double(), wanted.probabilities,
                                   atol=TOLERANCE[dtype], rtol=0)


def test_imports_nothing_fast():
    import subprocess
    import sys

    code = f"import sys, {module.__name__}; print({{'numba', 'triton'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr
