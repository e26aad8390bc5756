"""Capsules: hand values, closed forms, and the fast forms beside the reference."""

import math

import pytest
import torch

from medtutor.kernels.capsules import capsules, capsules_reference

SHAPES = {    # size, spacing
    "cubes": ((9, 10, 37), (1.0, 1.0, 1.0)),
    "thick slices": ((6, 12, 19), (1.5, 0.7, 1.1)),
    "picture": ((21, 30), (0.5, 0.5)),
    "oblong pixels": ((21, 34), (0.7, 1.3)),
}
FORMS = {
    "reference": lambda ends, radii, size, spacing=1.0, **how: capsules_reference(
        ends, radii, size, [spacing] * len(size) if isinstance(spacing, float) else spacing, **how),
    "CPU": lambda ends, radii, size, spacing=1.0, **how: capsules(
        ends, radii, size, spacing=spacing, **how),
}


def along_x(r, y=2.0, z=2.0):
    """A tube along the last axis that leaves a volume of 5 x 5 x 6 at both sides."""
    ends = torch.tensor([[[z, y, -9.0], [z, y, 15.0]]], dtype=torch.float64)
    return ends, torch.tensor([r], dtype=torch.float64), (5, 5, 6)


# Layer 1: values worked out by hand, and closed forms.

@pytest.mark.parametrize("form", FORMS)
def test_hand_values_of_samples(form):
    draw = FORMS[form]
    # The axis through voxel centres: parts lie sqrt(2)/4 = .354 off it.
    assert draw(*along_x(0.35)).sum() == 0
    assert (draw(*along_x(0.36))[0, 2, 2] == 1).all()
    # A quarter voxel off: parts at y + .25 are .25 off, those at y - .25 are sqrt(.25 + .0625).
    volume = draw(*along_x(0.3, y=2.25))
    assert (volume[0, 2, 2] == 0.5).all() and volume.sum() == 6 * 0.5
    # 255 / 2 = 127.5, rounded up.
    assert (draw(*along_x(0.3, y=2.25), dtype=torch.uint8)[0, 2, 2] == 128).all()


@pytest.mark.parametrize("form", FORMS)
def test_hand_values_of_smooth(form):
    def row(*given, **more):    # across the tube
        more |= {"partial": "smooth", "dtype": torch.float64}
        return FORMS[form](*along_x(*given), **more)[0, 2, :, 3]

    def close(found, wanted):
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))

    # Thin: A = 3 (1/4)² = .1875, and 1 - d/w: on the axis 1, a voxel off 0; half a voxel off 1/2.
    close(row(0.25), [0, 0, 0.1875, 0, 0])
    close(row(0.25, 2.5), [0, 0, 0.09375, 0.09375, 0])
    # Thick: R = sqrt(4 - 1/12) = 1.979057; at d = 2, 1/2 + R - 2 = .479057; nearer 1.
    close(row(2.0), [0.47905702, 1, 1, 1, 0.47905702])
    # Voxels twice as wide in y: the voxel at y = 2 is .5 off the axis; e = 1/16, m² = 1 · 2,
    # w² = (4 · .25 + 2/16) / (.25 + 1/16) = 3.6 > 3 r², so thin: A = 3 / 3.6, 1 - .5 / sqrt(3.6).
    wanted = 3 / 3.6 * (1 - 0.5 / math.sqrt(3.6))
    assert float(row(1.0, 2.5, spacing=(1.0, 2.0, 1.0))[1]) == pytest.approx(wanted)
    # On the axis, d = 0, w = m: A = 3 r² / 2 = .375.
    assert float(row(0.5, 2.0, spacing=(1.0, 2.0, 1.0))[1]) == pytest.approx(0.375)


@pytest.mark.parametrize("form", FORMS)
def test_hand_values_of_a_picture(form):
    ends = torch.tensor([[[2.0, -9.0], [2.0, 15.0]]])
    for r, wanted in ((0.25, [0, 0, 0.5, 0, 0]), (0.75, [0, 0.25, 1, 0.25, 0])):
        picture = FORMS[form](ends, torch.tensor([r]), (5, 6), partial="smooth")
        assert picture[0, :, 3].tolist() == wanted            # A = 2 r; 1/2 + R - d
    picture = FORMS[form](ends, torch.tensor([0.75]), (5, 6))
    assert picture[0, :, 3].tolist() == [0, 0.5, 1, 0.5, 0]    # parts .25, .75 and 1.25 off


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 0.75, 1.0)])
@pytest.mark.parametrize("r", [0.1, 0.4, 0.7, 3.0])
def test_sum_of_a_tube_is_its_cross_section(r, spacing):
    """Mean over where the axis passes, 24 x 24 places in a voxel; ends far away."""
    shifts = (torch.arange(24, dtype=torch.float64) + 0.5) / 24
    place = torch.cartesian_prod(shifts * spacing[0], shifts * spacing[1])        # (576, 2)
    ends = torch.zeros(576, 2, 3, dtype=torch.float64)
    ends[:, :, :2] = place[:, None] + torch.tensor([6 * spacing[0], 6 * spacing[1]])
    ends[:, 1, 2], ends[:, 0, 2] = 30, -30
    radii = torch.full((576,), r, dtype=torch.float64)
    how = {"tree": torch.arange(576), "batch": 576, "spacing": spacing, "dtype": torch.float64}
    for partial, tolerance in (("smooth", 0.02), ("samples", 0.15 if r < 0.2 else 0.03)):
        volume = capsules(ends, radii, (14, 14, 1), partial=partial, **how)
        area = float(volume.sum() / 576) * spacing[0] * spacing[1]
        assert area == pytest.approx(math.pi * r * r, rel=tolerance)


def test_volume_of_capsule_and_ball():
    ends = torch.tensor([[[11.3, 12.1, 12.7], [28.2, 20.4, 30.9]]], dtype=torch.float64)
    radii = torch.tensor([8.0], dtype=torch.float64)
    length = float((ends[0, 1] - ends[0, 0]).norm())
    wanted = math.pi * 64 * length + 4 / 3 * math.pi * 512
    ball = ends[:, :1].expand(-1, 2, -1)
    radius = math.sqrt(64 - 1 / 12)          # of the ramp, whose ball holds 4/3 π (R³ + R/4)
    for partial, more, tolerance in (("samples", 0, 2e-3),
                                     ("smooth", radius ** 3 + radius / 4 - 512, 5e-4)):
        volume = capsules(ends, radii, (40, 33, 44), partial=partial)
        assert float(volume.sum()) == pytest.approx(wanted + 4 / 3 * math.pi * more, rel=tolerance)
        volume = capsules(ball, radii, (40, 33, 44), partial=partial)
        assert float(volume.sum()) == pytest.approx(4 / 3 * math.pi * (512 + more), rel=tolerance)


def test_thin_tube_at_any_slant():
    """Long tubes of a fifth of a voxel: the sum is length times cross-section."""
    generator = torch.Generator().manual_seed(0)
    way = torch.randn(40, 3, dtype=torch.float64, generator=generator)
    ends = 25 + 20 * torch.stack([-way, way], 1) / way.norm(dim=1)[:, None, None]
    ends += torch.rand(40, 1, 3, generator=generator)
    volume = capsules(ends, torch.full((40,), 0.2, dtype=torch.float64), (51,) * 3,
                      partial="smooth", tree=torch.arange(40), batch=40)
    ratio = volume.sum((1, 2, 3)) / (40 * math.pi * 0.04)
    assert float((ratio - 1).mean()) == pytest.approx(1 / 40, abs=0.01)    # a round end: w/2, twice
    assert float((ratio - 1).abs().max()) < 0.3                           # along an axis, at worst


def test_each_volume_has_its_own_capsules(random_capsules):
    ends, radii = random_capsules((9, 8, 7), (1.0,) * 3, 0)
    tree = torch.tensor([2, 0, 2, 0, 2, 2, 0], dtype=torch.int32)
    for partial in ("samples", "smooth"):
        volumes = capsules(ends, radii, (9, 8, 7), partial=partial, tree=tree, batch=3)
        for item in range(3):
            alone = capsules(ends[tree == item], radii[tree == item], (9, 8, 7), partial=partial)
            assert torch.equal(volumes[item], alone[0])
        assert volumes[1].sum() == 0 < volumes[0].sum()


# Layer 2: the fast forms beside the reference.

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [torch.float32, torch.float64])
def test_cpu_form(shape, given, random_capsules):
    size, spacing = SHAPES[shape]
    for seed in range(3):
        ends, radii = random_capsules(size, spacing, seed, dtype=given)
        exact = ends.double(), radii.double(), size, spacing
        for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12), (torch.uint8, 1),
                                 (torch.bfloat16, 4e-3)):
            for partial in ("samples", "smooth"):
                volume = capsules(ends, radii, size, spacing=spacing, partial=partial, dtype=dtype)
                wanted = capsules_reference(*exact, partial=partial, dtype=dtype)
                assert volume.dtype == dtype and volume.shape == (1, *size)
                # Of samples none lies on a border here: not one differs.
                allowed = 0 if partial == "samples" else tolerance
                torch.testing.assert_close(volume, wanted, rtol=0, atol=allowed)
                assert volume.any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("given", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-11)])
def test_cpu_gradients(shape, given, tolerance, random_capsules):
    size, spacing = SHAPES[shape]
    for seed in range(2):
        capsules_ = [x.requires_grad_() for x in random_capsules(size, spacing, seed, dtype=given)]
        exact = [x.detach().double().requires_grad_() for x in capsules_]
        grad = torch.randn(1, *size, generator=torch.Generator().manual_seed(seed)).double()
        capsules(*capsules_, size, spacing=spacing, partial="smooth",
                 dtype=given).backward(grad.to(given))
        capsules_reference(*exact, size, spacing, partial="smooth",
                           dtype=torch.float64).backward(grad)
        for mine, theirs in zip(capsules_, exact, strict=True):
            torch.testing.assert_close(mine.grad.double(), theirs.grad, rtol=tolerance,
                                       atol=tolerance * float(theirs.grad.abs().max()))


def sandwiched(volume, ends, radii, size, spacing, slack, **how):
    """Each part that is inside by more than the slack is in, none that is outside by more."""
    ends, radii = ends.double(), radii.double()
    least = capsules_reference(ends, radii - slack, size, spacing, **how)
    most = capsules_reference(ends, radii + slack, size, spacing, **how)
    return bool(((least <= volume) & (volume <= most)).all())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [torch.float32, torch.float16, torch.bfloat16])
def test_triton_form(shape, given, interpreter, random_capsules):
    from medtutor.kernels.capsules import _triton

    size, spacing = SHAPES[shape]
    ends, radii = random_capsules(size, spacing, 3, dtype=given)
    tree = torch.tensor([0, 1, 1, 0, 1, 0, 1])
    call = ends, radii, tree, 2, list(size), list(spacing)
    how = {"tree": tree, "batch": 2}
    volume = _triton.draw(*call, False, torch.float32)
    assert volume.any() and sandwiched(volume, ends, radii, size, spacing, 1e-5, **how)
    for dtype, allowed in ((torch.float32, 1e-5), (torch.uint8, 1)):
        volume = _triton.draw(*call, True, dtype)
        wanted = capsules_reference(ends.double(), radii.double(), size, spacing,
                                    partial="smooth", dtype=dtype, **how)
        torch.testing.assert_close(volume, wanted, rtol=0, atol=allowed)


@pytest.mark.parametrize("shape", SHAPES)
def test_triton_gradients(shape, interpreter, random_capsules):
    from medtutor.kernels.capsules import _triton

    size, spacing = SHAPES[shape]
    ends, radii = random_capsules(size, spacing, 5, dtype=torch.float32)
    tree = torch.tensor([0, 1, 1, 0, 1, 0, 1])
    exact = [x.double().requires_grad_() for x in (ends, radii)]
    grad = torch.randn(2, *size, generator=torch.Generator().manual_seed(0))
    capsules_reference(*exact, size, spacing, partial="smooth", dtype=torch.float64, tree=tree,
                       batch=2).backward(grad.double())
    found = _triton.gradients(grad, ends, radii, tree, list(size), list(spacing))
    for mine, theirs in zip(found, exact, strict=True):
        torch.testing.assert_close(mine.double(), theirs.grad, rtol=0,
                                   atol=2e-5 * float(theirs.grad.abs().max()))


def test_triton_without_capsules(interpreter):
    from medtutor.kernels.capsules import _triton

    nothing = torch.zeros(0, 2, 3), torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    volume = _triton.draw(*nothing, 2, [3, 4, 5], [1.0] * 3, False, torch.float32)
    assert volume.shape == (2, 3, 4, 5) and not volume.any()
    bad = torch.full((2, 2, 3), float("nan")), torch.tensor([1.0, -1.0]), torch.tensor([0, 7])
    assert not _triton.draw(*bad, 2, [3, 4, 5], [1.0] * 3, True, torch.uint8).any()
    to_ends, to_radii = _triton.gradients(torch.ones(2, 3, 4, 5), *bad, [3, 4, 5], [1.0] * 3)
    assert not to_ends.any() and not to_radii.any()


# Layer 3: a GPU.

@pytest.mark.gpu
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("given", [torch.float32, torch.float16, torch.bfloat16])
def test_on_a_gpu(shape, given, random_capsules):
    size, spacing = SHAPES[shape]
    ends, radii = random_capsules(size, spacing, 3, dtype=given)
    tree = torch.tensor([0, 1, 1, 0, 1, 0, 1])
    how = {"tree": tree, "batch": 2}
    there = {"tree": tree.cuda(), "batch": 2, "spacing": spacing}
    cuda = [x.cuda().requires_grad_() for x in (ends, radii)]
    volume = capsules(*cuda, size, **there)
    assert sandwiched(volume.cpu(), ends, radii, size, spacing, 1e-5, **how)
    exact = [x.double().requires_grad_() for x in (ends, radii)]
    wanted = capsules_reference(*exact, size, spacing, partial="smooth", dtype=torch.float64, **how)
    volume = capsules(*cuda, size, partial="smooth", **there)
    torch.testing.assert_close(volume.cpu().double(), wanted, rtol=0, atol=1e-5)
    grad = torch.randn(2, *size)
    wanted.backward(grad.double())
    volume.backward(grad.cuda())
    allowed = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}
    for mine, theirs in zip(cuda, exact, strict=True):
        torch.testing.assert_close(mine.grad.cpu().double(), theirs.grad, rtol=0,
                                   atol=allowed[given] * float(theirs.grad.abs().max()))
    again = capsules(*cuda, size, partial="smooth", **there)
    assert torch.equal(again, volume)
