"""The one training loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medtutor.experiment.batches import Batches, checked_data, each_tensor, joined, take, tensors
from medtutor.experiment.checkpoint import describe_run, load_checkpoint, save_checkpoint
from medtutor.experiment.devices import choose_device, memory_format
from medtutor.experiment.progress import progress_bar
from medtutor.experiment.training_state import History, LossNotFinite, TrainingState

__all__ = ["History", "LossNotFinite", "fit", "predict"]


def fit(
    model: nn.Module,
    loss: Callable[[Any, Any], Tensor],
    data: tuple[Any, Any],
    *,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int = 16,
    generator: torch.Generator,
    augment: Callable[[Any, Any, torch.Generator], tuple[Any, Any]] | None = None,
    lr: float = 3e-3,
    optimizer: Callable[[Any], torch.optim.Optimizer] | torch.optim.Optimizer | None = None,
    device: str | torch.device | None = None,
    amp: bool | torch.dtype | None = None,
    validate: Callable[[nn.Module], float] | None = None,
    validate_every: int | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place; afterwards it is in evaluation mode, on the device.

    Every batch comes from a fresh permutation of all images each epoch. With ``validate`` the
    model ends with the weights that validated best, and stops early where ``patience`` says so:
    validate on images kept for it, never on test data.

    Args:
        model: maps images to logits.
        loss: ``loss(logits, targets)``, a scalar.
        data: (images, targets), each (N, ...), or a tuple or dict of such.
        steps: updates of the weights; or give ``epochs``.
        epochs: passes over all images.
        batch_size: images of one step.
        generator: on the CPU; draws the order of the images, and whatever ``augment`` draws.
        augment: ``augment(images, targets, generator)``, returns a changed pair.
        lr: learning rate of Adam, where no optimizer is given.
        optimizer: an optimizer, or what makes one from the parameters. None is Adam.
        device: None takes a GPU where there is one.
        amp: mixed precision, on a GPU only. None or True: bfloat16, or float16 with scaled
            losses where the GPU has no bfloat16; False: none; or the type.
        validate: ``validate(model)``, higher is better; called in evaluation mode.
        validate_every: steps between validations; None is once an epoch.
        patience: validations without a new best before stopping; None never stops.
        checkpoint: a file. If it exists the run goes on from it, on a CPU to the same bits as one
            that was never interrupted. More ``steps`` than it has makes the training longer.
        checkpoint_every: steps between writing it; None is a tenth of all steps.
        progress: show a bar, where someone can see it.

    Raises:
        LossNotFinite: names the step.
        CheckpointError: the checkpoint is of another model, other data or other settings.
    """
    device = device if isinstance(device, torch.device) else choose_device(device)
    images, targets = checked_data(data)
    _check_arguments(steps, epochs, batch_size, generator, validate, patience)
    batches = Batches(len(tensors(images)[0]), batch_size, generator)
    total = steps if steps is not None else epochs * batches.per_epoch
    validate_every = validate_every or batches.per_epoch
    checkpoint_every = checkpoint_every or max(1, total // 10)

    layout = memory_format(model, device, tensors(images)[0].ndim - 2)
    model.to(device=device, memory_format=layout).train()
    if optimizer is None:
        fused = device.type in ("cpu", "cuda")
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=fused)
    elif not isinstance(optimizer, torch.optim.Optimizer):
        optimizer = optimizer(model.parameters())
    half = _amp_type(amp, device)
    scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

    run = TrainingState(model, optimizer, scaler, batches, History())
    about = describe_run(
        model, loss, augment, optimizer, (images, targets), lr=lr, batch_size=batch_size,
        seed=generator.initial_seed(),
    ) if checkpoint else {}  # fmt: skip
    if checkpoint and (state := load_checkpoint(checkpoint, about)):
        run.restore(state)
    history = run.history
    if history.steps > total:
        raise ValueError(f"{checkpoint} has {history.steps} steps, more than the {total} wanted")

    images, targets = _near(device, images, targets)
    began = time.perf_counter() - history.seconds
    look_every = 1 if device.type == "cpu" else 20
    bar = progress_bar(total=total, title="training", progress=progress)
    bar.update(history.steps)
    with bar:
        while history.steps < total and not history.stopped_early:
            index = batches.draw()
            x, y = take(images, index), take(targets, index)
            if augment is not None:
                x, y = augment(x, y, generator)
            x, y = each_tensor(lambda t: _moved(t, device, layout), x), _to(device, y)

            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, dtype=half, enabled=half is not None):
                value = loss(model(x), y)
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()

            history.steps += 1
            history.images_seen += len(index)
            run.unseen.append(value.detach())
            last = history.steps == total
            looks = validate is not None and (last or history.steps % validate_every == 0)
            saves = checkpoint and (last or history.steps % checkpoint_every == 0)
            if last or looks or saves or len(run.unseen) >= look_every:
                bar.set_postfix_str(f"loss {run.look():.3g}", refresh=False)
            if looks:
                run.validate(validate, patience)
                saves = saves or (checkpoint and history.stopped_early)
            history.seconds = time.perf_counter() - began
            if saves:
                save_checkpoint(checkpoint, about, run.state())
            bar.update()
    if run.best is not None:
        model.load_state_dict(run.best)
    model.eval()
    return history


def predict(model: nn.Module, images: Any, batch_size: int = 64) -> Any:
    """Logits on the CPU, in single precision, in evaluation mode and without gradients.

    Args:
        model: stays on its device and returns to the mode it was in.
        images: (N, ...), or a tuple or dict of such.
        batch_size: images at a time; it changes the memory needed, not what comes out.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    images = each_tensor(lambda x: x, images)
    was_training = model.training
    model.eval()
    parts = []
    try:
        with torch.no_grad():  # unlike inference mode, the logits may go into another training
            for start in range(0, len(tensors(images)[0]), batch_size):
                batch = _to(device, take(images, slice(start, start + batch_size)))
                parts.append(each_tensor(lambda x: x.float().cpu().contiguous(), model(batch)))
    finally:
        model.train(was_training)
    return joined(parts)


def _to(device: torch.device, data: Any) -> Any:
    return each_tensor(lambda x: x.to(device, non_blocking=True), data)


def _moved(x: Tensor, device: torch.device, layout: torch.memory_format) -> Tensor:
    axes = {torch.channels_last: 4, torch.channels_last_3d: 5}
    if x.ndim != axes.get(layout, x.ndim):
        layout = torch.contiguous_format
    return x.to(device=device, memory_format=layout, non_blocking=True)


def _near(device: torch.device, images: Any, targets: Any) -> tuple[Any, Any]:
    """All data on the GPU where it takes less than a quarter of what is free there."""
    if device.type != "cuda":
        return images, targets
    size = sum(x.numel() * x.element_size() for x in tensors((images, targets)))
    free = torch.cuda.mem_get_info(device)[0]
    return (_to(device, images), _to(device, targets)) if size < free / 4 else (images, targets)


def _amp_type(amp: bool | torch.dtype | None, device: torch.device) -> torch.dtype | None:
    if device.type != "cuda" or amp is False:
        return None
    if isinstance(amp, torch.dtype):
        return amp
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _check_arguments(
    steps: int | None,
    epochs: int | None,
    batch_size: int,
    generator: torch.Generator,
    validate: Any,
    patience: int | None,
) -> None:
    if (steps is None) == (epochs is None):
        raise ValueError(f"give steps or epochs, one of them; got {steps=}, {epochs=}")
    length = steps if steps is not None else epochs
    if length < 1 or batch_size < 1:
        raise ValueError(
            f"steps, epochs, batch_size must be 1 or more; got {steps=}, {epochs=}, {batch_size=}"
        )
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        raise TypeError(
            f"generator must be a torch.Generator on the CPU; got {generator!r}: "
            "medtutor.experiment.generator(seed, 'training')?"
        )
    if patience is not None and (validate is None or patience < 1):
        raise ValueError(f"patience must be 1 or more and needs validate; got {patience=}")
