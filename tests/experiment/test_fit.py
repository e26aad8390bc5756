from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from medtutor.experiment import batches
from medtutor.experiment.checkpoint import CheckpointError
from medtutor.experiment.fit import History, LossNotFinite, fit, predict
from medtutor.experiment.seeds import generator, seeded

X = torch.linspace(-1, 1, 20)[:, None]
DATA = X, 3 * X - 1


def line(**options):
    """Fit y = 3 x - 1 by one linear layer, or a deeper one with dropout."""
    with seeded(0):
        model = options.pop("model", None) or nn.Linear(1, 1)
    settings = dict(batch_size=8, generator=generator(0, "fit"), progress=False, device="cpu")
    return model, fit(
        model, options.pop("loss", F.mse_loss), **{"data": DATA, **settings, **options}
    )


def noisy_net():
    with seeded(0):
        return nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))


def test_hand_value():
    # One step of plain gradient descent on all data, from w = b = 0, at rate 0.1:
    # dL/dw = -2 mean(x y) = -6 mean(x^2), dL/db = -2 mean(y) = 2; so w = .6 mean(x^2), b = -.2.
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    descent = partial(torch.optim.SGD, lr=0.1)
    _, history = line(model=model, steps=1, batch_size=20, optimizer=descent)
    assert model.weight.item() == pytest.approx(0.6 * X.square().mean().item())
    assert model.bias.item() == pytest.approx(-0.2)
    assert history.train_loss == [pytest.approx(DATA[1].square().mean().item())]


def test_steps_epochs_and_images():
    model, history = line(epochs=3)  # 20 images in batches of 8, 8 and 4
    assert (history.steps, history.images_seen, len(history.train_loss)) == (9, 60, 9)
    assert history.seconds > 0 and history.valid == [] and history.best_step is None
    assert not model.training
    again, _ = line(steps=9)
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))
    assert line(epochs=300, lr=0.03)[1].train_loss[-1] < 1e-3  # it learns


def test_each_epoch_is_a_fresh_permutation():
    drawn = batches.Batches(20, 8, generator(0))
    epochs = [torch.cat([drawn.draw() for _ in range(3)]) for _ in range(4)]
    assert all(epoch.sort().values.tolist() == list(range(20)) for epoch in epochs)
    assert not any(torch.equal(epochs[0], epoch) for epoch in epochs[1:])


def test_augment_draws_from_the_generator():
    seen = []

    def augment(x, y, draws):
        seen.append(torch.rand(1, generator=draws).item())
        return x + 100, y

    _, history = line(steps=5, augment=augment)
    assert len(set(seen)) == 5 and history.train_loss[0] > 100
    first = list(seen)
    line(steps=5, augment=augment)
    assert seen[5:] == first


def test_validate_keeps_the_best_and_stops():
    values, weights = iter([0.1, 0.5, 0.4, 0.3, 0.9]), []

    def validate(model):
        assert not model.training and not torch.is_grad_enabled()
        torch.rand(3)  # what it draws must not change the training
        weights.append(model.weight.item())
        return next(values)

    model, history = line(epochs=10, validate=validate, patience=2)
    assert history.valid == [(3, 0.1), (6, 0.5), (9, 0.4), (12, 0.3)]
    assert history.stopped_early and history.best_step == 6 and history.steps == 12
    assert model.weight.item() == weights[1]
    # The last step is validated, too.
    _, history = line(steps=7, validate=lambda m: 1.0, validate_every=3)
    assert [step for step, _ in history.valid] == [3, 6, 7]
    with pytest.raises(ValueError, match="NaN at step 3"):
        line(steps=3, validate=lambda m: float("nan"))
    # Dropout draws the same numbers whether one validates or not.
    losses = []
    for watch in ({}, dict(validate=lambda m: torch.rand(1), validate_every=1)):
        with seeded(3):
            losses.append(line(model=noisy_net(), steps=8, **watch)[1].train_loss)
    assert losses[0] == losses[1]


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [1, 7, 13, 19])
def test_resume_is_bitwise(tmp_path, killed_at):
    """Killed in the middle of an epoch, with dropout, augmentation and validation."""

    def augment(x, y, draws):
        return x + 0.1 * torch.randn(x.shape, generator=draws), y

    def validate(model):
        return -F.mse_loss(model(X), DATA[1]).item()

    calls = 0

    def loss(prediction, target):
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise Killed
        return F.mse_loss(prediction, target)

    def train(checkpoint):
        with seeded(4):  # dropout draws from the global generator
            return line(
                model=noisy_net(), loss=loss, steps=20, augment=augment, validate=validate,
                checkpoint=checkpoint, checkpoint_every=4,
            )  # fmt: skip

    with pytest.raises(Killed):
        train(tmp_path / "run.pt")
    model, history = train(tmp_path / "run.pt")
    expected, uninterrupted = train(tmp_path / "other.pt")
    assert history.train_loss == uninterrupted.train_loss
    assert history.valid == uninterrupted.valid and len(history.valid) == 7
    assert (history.steps, history.images_seen) == (20, uninterrupted.images_seen)
    assert all(map(torch.equal, model.state_dict().values(), expected.state_dict().values()))
    # A finished run is not trained again; a longer one goes on.
    before = calls
    assert train(tmp_path / "run.pt")[1] == history and calls == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.pt", "run.pt"]


def test_a_longer_run_goes_on_from_a_shorter(tmp_path):
    line(steps=6, checkpoint=tmp_path / "run.pt")
    model, history = line(steps=15, checkpoint=tmp_path / "run.pt")
    expected, whole = line(steps=15)
    assert history.train_loss == whole.train_loss
    assert torch.equal(model.weight, expected.weight)
    with pytest.raises(ValueError, match="has 15 steps, more than the 10 wanted"):
        line(steps=10, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(model=nn.Linear(1, 1, bias=False)), r"weight bias has shape \[1\] there, None here"),
        (dict(model=noisy_net()), "model is 'Linear' there, 'Sequential' here"),
        (dict(batch_size=4), "batch_size is 8 there, 4 here"),
        (dict(lr=1.0), "lr is 0.003 there, 1.0 here"),
        (dict(generator=generator(1)), "seed is"),
        (dict(loss=F.l1_loss), "loss is 'mse_loss' there, 'l1_loss' here"),
        (dict(data=(X + 1, X)), "first images"),
        (dict(data=(X[:10], X[:10])), r"data is .*20, 1, .*10, 1"),
        (dict(optimizer=partial(torch.optim.SGD, lr=1)), "optimizer is 'Adam' there, 'SGD' here"),
    ],
)
def test_checkpoint_of_another_run_is_refused(tmp_path, change, words):
    line(steps=2, checkpoint=tmp_path / "run.pt")
    with pytest.raises(CheckpointError, match=words + ".*delete it to start anew"):
        line(steps=4, checkpoint=tmp_path / "run.pt", **change)


def test_damaged_checkpoint_and_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    line(steps=2, checkpoint=path)
    content = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("medtutor.experiment.outcome.os.replace", full)
        with pytest.raises(OSError, match="No space"):
            line(steps=5, checkpoint=path)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"run\.pt cannot be read .*delete it"):
        line(steps=5, checkpoint=path)


def test_loss_that_is_not_finite():
    calls = iter(range(100))

    def loss(prediction, target):
        return F.mse_loss(prediction, target) * (float("nan") if next(calls) == 4 else 1)

    with pytest.raises(LossNotFinite, match=r"loss is nan at step 5 .*Lower lr"):
        line(steps=9, loss=loss)
    with pytest.raises(LossNotFinite, match="step 1 "):
        line(steps=9, loss=lambda p, t: (p / 0).sum())


def test_nested_data_and_predict():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            out = self.layer(torch.cat([x["a"], x["b"]], 1))
            return {"sum": out, "both": (out, x["a"])}

    images = {"a": X.numpy(), "b": X**2}
    model = Two()
    loss = lambda out, y: F.mse_loss(out["sum"], y[0]) + F.mse_loss(out["both"][0], y[1])  # noqa: E731
    fit(model, loss, (images, DATA), steps=3, generator=generator(0), progress=False, device="cpu")
    model.train()
    out = predict(model, images, batch_size=7)
    assert out["sum"].shape == (20, 1) and torch.equal(out["both"][1], X) and model.training
    torch.testing.assert_close(out["sum"], predict(model, images)["sum"])
    predict(model, images)["sum"].requires_grad_()  # may go into another training


def test_quiet_without_someone_to_look(capsys):
    line(steps=3, progress=True)
    assert capsys.readouterr() == ("", "")


BAD = np.zeros((4, 1), np.float32)
BAD[2] = np.nan


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (dict(), ValueError, "steps or epochs"),
        (dict(steps=1, epochs=1), ValueError, "steps or epochs"),
        (dict(steps=0), ValueError, "1 or more"),
        (dict(steps=1, generator=3), TypeError, "torch.Generator on the CPU"),
        (dict(steps=1, patience=2), ValueError, "needs validate"),
        (dict(steps=1, data=X), ValueError, "pair"),
        (dict(steps=1, data=(X, X[:3])), ValueError, r"\[20\] and \[3\]"),
        (dict(steps=1, data=(X[:0], X[:0])), ValueError, "at least 1"),
        (dict(steps=1, data=(BAD, BAD)), ValueError, "image 2 .*NaN"),
        (dict(steps=1, data=(["a"], X)), TypeError, "tensors"),
        (dict(steps=1, device="gpu"), ValueError, "got 'gpu'"),
    ],
)
def test_errors(options, error, words):
    with pytest.raises(error, match=words):
        line(**options)


@pytest.mark.gpu
def test_gpu_agrees_with_cpu():
    from medtutor.methods.architectures.unet import UNet

    x = torch.randn(32, 1, 32, 32, generator=generator(0, "x"))
    y = (x[:, 0] > 0.5).long()
    losses = {}
    for device, amp in (
        ("cpu", False),
        ("cuda", False),
        ("cuda", torch.bfloat16),
        ("cuda", torch.float16),
    ):
        with seeded(0):
            model = UNet(1, 2, base=4)
        history = fit(
            model, F.cross_entropy, (x, y), steps=50, generator=generator(0), amp=amp,
            device=device, progress=False,
        )  # fmt: skip
        losses[device, amp] = history.train_loss
    truth = torch.tensor(losses.pop(("cpu", False)))
    for name, values in losses.items():
        assert torch.tensor(values)[:3].sub(truth[:3]).abs().max() < 0.02, name
        assert abs(values[-1] - truth[-1]) < 0.1, name


def test_history_is_plain():
    assert History() == History(0, 0, 0.0, [], [], None, False)
