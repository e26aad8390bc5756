import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from medtutor.experiment.seeds import seeded
from medtutor.methods.architectures.unet import InstanceNorm, UNet, conv_block


@settings(max_examples=20, deadline=None)
@given(
    space=st.lists(st.integers(1, 21), min_size=2, max_size=3),
    levels=st.integers(1, 4),
    norm=st.sampled_from(["instance", "batch", None]),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_shape(space, levels, norm, channels):
    model = UNet(*channels, dim=len(space), base=2, levels=levels, norm=norm)
    logits = model(torch.randn(2, channels[0], *space))
    assert logits.shape == (2, channels[1], *space) and torch.isfinite(logits).all()


def independent(weights, x, levels):
    """The same network, written from the figure with functional calls, 2D and instance norm."""
    w = dict(weights)

    def block(x, name):
        for conv, norm in ((0, 1), (3, 4)):
            x = F.conv2d(x, w[f"{name}.{conv}.weight"], padding=1)
            mean = x.mean((2, 3), keepdim=True)
            x = (x - mean) / (x.var((2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
            gain, shift = w[f"{name}.{norm}.weight"], w[f"{name}.{norm}.bias"]
            x = (x * gain[:, None, None] + shift[:, None, None]).clamp(min=0)
        return x

    skips = [block(x, "down.0")]
    for level in range(1, levels):
        n, c, h, v = skips[-1].shape
        pooled = skips[-1].reshape(n, c, h // 2, 2, v // 2, 2).amax((3, 5))
        skips.append(block(pooled, f"down.{level}"))
    x = skips[-1]
    for level in reversed(range(levels - 1)):
        kernel, bias = w[f"upsample.{level}.weight"], w[f"upsample.{level}.bias"]
        n, _, h, v = x.shape
        x = torch.einsum("nchv,coab->nohavb", x, kernel)  # each voxel paints a 2 x 2 patch
        x = x.reshape(n, kernel.shape[1], 2 * h, 2 * v) + bias[:, None, None]
        x = block(torch.cat([skips[level], x], 1), f"up.{level}")
    return F.conv2d(x, w["head.weight"], w["head.bias"])


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_hand_value(levels):
    with seeded(0):
        model = UNet(2, 3, base=4, levels=levels)
        for value in model.parameters():  # also where weights start at 0 or 1
            torch.nn.init.normal_(value, std=0.5)
        image = torch.randn(2, 2, 16, 12)
    theirs = independent(model.state_dict(), image, levels)
    torch.testing.assert_close(model(image), theirs, rtol=1e-5, atol=1e-5)


def test_parameter_count():
    # base 8, levels 3, so w = 8, 16, 32; each norm has 2 w, each transposed convolution w biases.
    # down: 9 (8 + 64) + 32, 9 (128 + 256) + 64, 9 (512 + 1024) + 128 = 680 + 3,520 + 13,952
    # transposed: 4 * 2 * 64 + 8, 4 * 2 * 256 + 16 = 520 + 2,064; head: 8 + 1
    # up: 9 (128 + 64) + 32, 9 (512 + 256) + 64 = 1,760 + 6,976. Together 29,481.
    assert sum(p.numel() for p in UNet(1, 1).parameters()) == 29_481
    assert sum(p.numel() for p in UNet(1, 1, dim=3).parameters()) == 85_177


def test_limits():
    # A shift by 2^(levels - 1) voxels moves the logits by as much, away from the borders.
    with seeded(1):
        model = UNet(1, 1, base=4, levels=2, norm=None).eval()
        image = torch.zeros(1, 1, 32, 32)
        image[..., 12:18, 12:18] = torch.randn(6, 6)
    with torch.no_grad():
        moved = model(image.roll((2, 4), (2, 3)))
        torch.testing.assert_close(
            moved[..., 9:27, 9:27], model(image).roll((2, 4), (2, 3))[..., 9:27, 9:27]
        )
        # Padding inside changes no size and agrees with padding by hand.
        odd = image[..., :31, :]
        by_hand = F.pad(odd, (0, 0, 0, 1), mode="replicate")
        torch.testing.assert_close(model(odd), model(by_hand)[..., :31, :])
        # A constant image has no contrast for the instance norm: finite logits, not NaN.
        assert torch.isfinite(UNet(1, 1)(torch.ones(1, 1, 16, 16))).all()
    # The channels-last layout is the same function.
    for norm in ("instance", "batch"):
        last, x = UNet(1, 1, norm=norm), torch.randn(2, 1, 16, 16)
        plain = last(x)
        last.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
        torch.testing.assert_close(last(x), plain, rtol=1e-4, atol=1e-4)
    features = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    out = InstanceNorm(3)(features)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, F.instance_norm(features))


def test_each_knob():
    assert UNet(1, 1, levels=4).levels == len(UNet(1, 1, levels=4).down) == 4
    assert UNet(1, 1, base=6).down[2][0].out_channels == 24
    kinds = {norm: {type(m) for m in conv_block(2, 4, norm=norm)} for norm in ("instance", "batch")}
    assert InstanceNorm in kinds["instance"] and torch.nn.BatchNorm2d in kinds["batch"]
    # Dropout acts in training only, on whole channels.
    with seeded(2):
        block = conv_block(1, 8, dropout=0.5)
        dropped = (block(torch.randn(1, 1, 8, 8)) == 0).flatten(2).all(2)
    assert 0 < dropped.sum() < 8
    assert not (block.eval()(torch.randn(1, 1, 8, 8)) == 0).flatten(2).all(2).any()
    # The same seed gives the same weights, in Gaussian of variance 2 / fan-in: 2 / (32 * 9).
    with seeded(3):
        one = UNet(1, 1)
    with seeded(3):
        two = UNet(1, 1)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert one.down[2][3].weight.var().item() == pytest.approx(2 / 288, rel=0.1)


@pytest.mark.parametrize(("dim", "norm"), [(2, "instance"), (2, None), (3, "batch")])
def test_gradient(dim, norm):
    model = UNet(1, 2, dim=dim, base=2, norm=norm)
    model(torch.randn(2, 1, *[8] * dim)).square().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    small = UNet(1, 1, base=1, levels=2, norm=norm).double()
    image = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(small, (image,))


def test_learns_a_square():
    from medtutor.methods.loss_functions.overlap import dice_cross_entropy

    with seeded(0):
        model, image = UNet(1, 1, base=4, levels=2), torch.randn(4, 1, 16, 16)
    target = torch.zeros(4, 16, 16, dtype=torch.long)
    target[:, 4:9, 5:12] = 1
    image[:, 0] += 2 * target
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = dice_cross_entropy(model(image), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_errors():
    with pytest.raises(ValueError, match=r"\(B, C, H, W\) with C = 1; got \(4, 16, 16\).*None"):
        UNet(1, 1)(torch.zeros(4, 16, 16))
    with pytest.raises(ValueError, match=r"C = 2; got \(1, 1, 8, 8\)"):
        UNet(2, 1)(torch.zeros(1, 1, 8, 8))
    for wrong in (dict(dim=4), dict(base=0), dict(levels=0), dict(norm="layer"), dict(dropout=1.0)):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            UNet(1, 1, **wrong)
