"""Capsules: what holds for any, gradients, registration with torch, errors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.kernels.capsules import capsules, capsules_reference

PARTIAL = pytest.mark.parametrize("partial", ["samples", "smooth"])
SIZE, SPACING = (7, 9, 11), (1.0, 1.5, 0.8)
seeds = given(seed=st.integers(0, 10_000), smooth=st.booleans())
few = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="module")
def draw():
    def call(ends, radii, size=SIZE, spacing=SPACING, dtype=torch.float64, **how):
        return capsules(ends, radii, size, spacing=spacing, dtype=dtype, **how)

    return call


@few
@seeds
def test_order_and_direction_do_not_matter(seed, smooth, random_capsules, draw):
    ends, radii = random_capsules(SIZE, SPACING, seed)
    partial = "smooth" if smooth else "samples"
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    volume = draw(ends, radii, partial=partial)
    assert torch.equal(volume, draw(ends[order], radii[order], partial=partial))
    torch.testing.assert_close(volume, draw(ends.flip(1), radii, partial=partial))


@few
@seeds
def test_reflection_and_permutation_of_axes(seed, smooth, random_capsules, draw):
    ends, radii = random_capsules(SIZE, SPACING, seed)
    partial = "smooth" if smooth else "samples"
    volume = draw(ends, radii, partial=partial)
    far = torch.tensor([(n - 1) * s for n, s in zip(SIZE, SPACING, strict=True)])
    for axis in range(3):
        mirrored = ends.clone()
        mirrored[..., axis] = far[axis] - ends[..., axis]
        torch.testing.assert_close(draw(mirrored, radii, partial=partial), volume.flip(1 + axis))
    turned = draw(ends[..., [1, 2, 0]], radii, [SIZE[1], SIZE[2], SIZE[0]],
                  [SPACING[1], SPACING[2], SPACING[0]], partial=partial)
    torch.testing.assert_close(turned, volume.permute(0, 2, 3, 1))


@few
@seeds
def test_union_and_growth(seed, smooth, random_capsules, draw):
    ends, radii = random_capsules(SIZE, SPACING, seed)
    partial = "smooth" if smooth else "samples"
    union = draw(ends, radii, partial=partial)
    each = draw(ends, radii, partial=partial, tree=torch.arange(7), batch=7)
    assert (union <= each.sum(0) + 1e-12).all() and (union >= each.amax(0)).all()
    assert union.min() >= 0 and union.max() <= 1
    if smooth:
        assert torch.equal(union[0], each.amax(0))
    assert (draw(ends, 1.1 * radii, partial=partial) >= union).all()
    middle = ends.mean(1, keepdim=True)
    halves = torch.cat([torch.cat([ends[:, :1], middle], 1), torch.cat([middle, ends[:, 1:]], 1)])
    # In cubes: elsewhere the ramp of one half's end may be wider than that of the other half.
    whole, parts = (draw(*given, spacing=1.0, partial=partial)
                    for given in ((ends, radii), (halves, radii.repeat(2))))
    torch.testing.assert_close(parts, whole)


@few
@seeds
def test_units(seed, smooth, random_capsules, draw):
    ends, radii = random_capsules(SIZE, SPACING, seed)
    partial = "smooth" if smooth else "samples"
    finer = draw(ends / 128, radii / 128, spacing=[s / 128 for s in SPACING], partial=partial)
    torch.testing.assert_close(finer, draw(ends, radii, partial=partial))


@few
@given(size=st.lists(st.integers(0, 9), min_size=2, max_size=3), seed=st.integers(0, 99),
       count=st.integers(0, 3), batch=st.integers(0, 2))
def test_any_size(size, seed, count, batch, random_capsules):
    count = count if batch else 0
    ends, radii = random_capsules(size, [1.0] * len(size), seed, count)
    tree = torch.arange(count) % max(1, batch)
    for partial in ("samples", "smooth"):
        volume = capsules(ends, radii, size, partial=partial, tree=tree, batch=batch)
        wanted = capsules_reference(ends, radii, size, [1.0] * len(size), partial=partial,
                                    tree=tree, batch=batch)
        assert volume.shape == (batch, *size)
        torch.testing.assert_close(volume, wanted)


@PARTIAL
def test_threads_do_not_matter(partial, random_capsules):
    size = (48, 70, 71)    # three slabs
    ends, radii = random_capsules(size, (1.0,) * 3, 1, 20, torch.float32)
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        ends.grad = None
        ends.requires_grad_(partial == "smooth")
        volume = capsules(ends, radii, size, partial=partial)
        if partial == "smooth":
            volume.square().sum().backward()
            found.append((volume.detach(), ends.grad))
        else:
            found.append((volume,))
    assert found[0][0].any()
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


@PARTIAL
def test_what_is_left_out(partial, draw, random_capsules):
    ends, radii = random_capsules(SIZE, SPACING, 0)
    nan, inf = float("nan"), float("inf")
    bad_ends, bad_radii = ends.clone(), radii.clone()
    bad_ends[0, 0, 1], bad_ends[3, 1, 2] = nan, inf
    bad_radii[1], bad_radii[2], bad_radii[4], bad_radii[5] = nan, inf, -1, 0
    for form in (draw, lambda *given, **how: capsules_reference(*given, SIZE, SPACING, **how)):
        volume = form(bad_ends, bad_radii, partial=partial)
        torch.testing.assert_close(volume, form(ends[6:], radii[6:], partial=partial))
    bad_ends.requires_grad_()
    if partial == "smooth":
        draw(bad_ends, bad_radii, partial=partial).sum().backward()
        assert not bad_ends.grad[:6].any() and bad_ends.grad[6].any()
    else:
        assert not draw(bad_ends, bad_radii, partial=partial).requires_grad


@PARTIAL
def test_strides_do_not_matter(partial, draw, random_capsules):
    ends, radii = random_capsules(SIZE, SPACING, 2)
    wide = torch.stack([ends.permute(2, 1, 0), torch.zeros(3, 2, 7)], -1)[..., 0].permute(2, 1, 0)
    assert not wide.is_contiguous()
    twice = radii.repeat_interleave(2)[::2]
    assert torch.equal(draw(wide, twice, partial=partial), draw(ends, radii, partial=partial))


@pytest.mark.parametrize(("size", "spacing"), [((5, 6, 7), (1.0, 1.0, 1.0)),
                                               ((5, 6, 7), (1.2, 0.8, 1.0)), ((7, 9), (1.0, 0.7))])
def test_gradcheck(size, spacing, random_capsules):
    ends, radii = random_capsules(size, spacing, 11, 3)
    radii = radii + torch.tensor([0.0, 0.3, 1.0])
    tree = torch.tensor([0, 1, 0])

    def call(ends, radii):
        return capsules(ends, radii, size, spacing=spacing, partial="smooth", dtype=torch.float64,
                        tree=tree, batch=2)

    assert call(ends, radii).count_nonzero() > 20
    assert torch.autograd.gradcheck(call, (ends.requires_grad_(), radii.requires_grad_()))


def test_ties_go_to_the_first():
    ends = torch.tensor([[[2.0, 2.3, -9.0], [2.0, 2.3, 9.0]]]).repeat(3, 1, 1)
    radii = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
    capsules(ends, radii, (5, 5, 5), partial="smooth").sum().backward()
    assert radii.grad[0] > 0 and not radii.grad[1:].any()


def test_opcheck(random_capsules):
    ends, radii = random_capsules((5, 6, 7), (1.0,) * 3, 0)
    tree = torch.zeros(7, dtype=torch.int64)
    for smooth in (False, True):
        given = ends.clone().requires_grad_(smooth), radii.clone().requires_grad_(smooth)
        torch.library.opcheck(torch.ops.medtutor.capsules.default, (
            *given, tree, 1, [5, 6, 7], [1.0] * 3, smooth, torch.float64))
    torch.library.opcheck(torch.ops.medtutor.capsules_backward.default, (
        torch.ones(1, 5, 6, 7, dtype=torch.float64), ends, radii, tree, [5, 6, 7], [1.0] * 3))


def test_torch_compile(random_capsules):
    size = (5, 6, 7)
    ends, radii = random_capsules(size, (1.0,) * 3, 0)
    tree = torch.tensor([0, 1, 0, 1, 0, 1, 0])

    def loss(ends, radii):
        volume = capsules(ends, radii, size, partial="smooth", tree=tree, batch=2)
        return (volume - 0.5).square().sum()

    found = []
    for call in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        mine = ends.clone().requires_grad_(), radii.clone().requires_grad_()
        call(*mine).backward()
        found.append([x.grad for x in mine])
    torch.testing.assert_close(*found)


def test_gradients_find_a_tube():
    """What gradients are for: a tube is moved onto another, and takes its radius."""
    size = (16, 16, 16)
    target = capsules(torch.tensor([[[3.0, 4, 5], [12, 11, 9]]]), torch.tensor([2.0]), size,
                      partial="smooth")
    ends = torch.tensor([[[4.5, 4, 6], [11, 12, 10.0]]], requires_grad=True)
    radii = torch.tensor([1.2], requires_grad=True)
    descent = torch.optim.Adam([ends, radii], lr=0.05)
    for _ in range(150):
        descent.zero_grad()
        loss = (capsules(ends, radii, size, partial="smooth") - target).square().sum()
        loss.backward()
        descent.step()
    assert float(loss.detach()) < 0.1 and abs(float(radii.detach()) - 2) < 0.03


ENDS, RADII = torch.zeros(4, 2, 3), torch.ones(4)
TREE = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"ends": torch.zeros(4, 3)}, ValueError, r"ends must be .* got \(4, 3\): torch.stack"),
    ({"ends": torch.zeros(4, 2, 4)}, ValueError, r"ends must be \(M, 2, 2\) or \(M, 2, 3\)"),
    ({"radii": torch.ones(3)}, ValueError, r"radii must be \(4,\), .* got \(3,\)"),
    ({"ends": ENDS.long()}, TypeError, "ends and radii must be floating and of one type"),
    ({"radii": RADII.double()}, TypeError, "got torch.float32 and torch.float64"),
    ({"size": (5, 5)}, ValueError, r"size must be 3 lengths >= 0, .* got \(5, 5\)"),
    ({"size": (5, 5, -1)}, ValueError, "size must be 3 lengths"),
    ({"spacing": 0.0}, ValueError, "spacing must be one number > 0, or 3, .* got 0.0"),
    ({"spacing": (1.0, 2.0)}, ValueError, "spacing must be"),
    ({"spacing": float("nan")}, ValueError, "spacing must be"),
    ({"partial": "soft"}, ValueError, "partial must be \"samples\" or \"smooth\"; got 'soft'"),
    ({"dtype": torch.int32}, TypeError, "dtype must be one of .*; got torch.int32"),
    ({"tree": TREE}, ValueError, r"tree and batch go together: .* got tree \(4,\) and batch None"),
    ({"batch": 2}, ValueError, "got tree none and batch 2"),
    ({"tree": TREE.float(), "batch": 1}, TypeError, "tree must be integer; got torch.float32"),
    ({"tree": TREE[:2], "batch": 1}, ValueError, r"tree must be \(4,\), .* got \(2,\) and 1"),
    ({"tree": TREE + 2, "batch": 2}, ValueError, r"tree must be in \[0, 2\), .* got 2 to 2"),
])
def test_errors(change, error, message):
    given = {"ends": ENDS, "radii": RADII, "size": (5, 5, 5)} | change
    with pytest.raises(error, match=message):
        capsules(**given)


def test_no_gradient_through_samples():
    volume = torch.ops.medtutor.capsules(
        ENDS.clone().requires_grad_(), RADII, TREE, 1, [3, 3, 3], [1.0] * 3, False, torch.float32)
    with pytest.raises(RuntimeError, match='draw with "smooth"'):
        volume.sum().backward()
