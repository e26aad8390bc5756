"""All that changes while a model is trained, so that a run can be stored and go on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from medtutor.experiment.batches import Batches


class LossNotFinite(ValueError):
    """The loss became NaN or infinite; the message names the step."""


@dataclass
class History:
    """What a training did.

    Args:
        steps: updates of the weights.
        images_seen: images that went through, repeats counted.
        seconds: of training and validation.
        train_loss: a value for each step.
        valid: pairs (step, value), higher is better.
        best_step: the step whose weights the model has now, where it was validated.
        stopped_early: patience ran out.
    """

    steps: int = 0
    images_seen: int = 0
    seconds: float = 0.0
    train_loss: list[float] = field(default_factory=list)
    valid: list[tuple[int, float]] = field(default_factory=list)
    best_step: int | None = None
    stopped_early: bool = False


@dataclass
class TrainingState:
    """Model, optimizer, place in the data, and history of one training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    batches: Batches
    history: History
    best: dict[str, Tensor] | None = None
    unseen: list[Tensor] = field(default_factory=list)  # losses that nobody has looked at yet

    def look(self) -> float:
        """Move the unseen losses into the history, the last one is returned.

        Looking makes the CPU wait for the GPU, so it is not done after each step.

        Raises:
            LossNotFinite: at the first that is NaN or infinite.
        """
        history = self.history
        first = history.steps - len(self.unseen) + 1
        for step, value in enumerate(torch.stack(self.unseen).tolist(), start=first):
            if not math.isfinite(value):
                before = f"{history.train_loss[-1]:.4g}" if history.train_loss else "none"
                raise LossNotFinite(
                    f"the loss is {value} at step {step} (before: {before}). Lower lr, look "
                    "for a log or a division by zero in the loss, or at what augment returns"
                )
            history.train_loss.append(value)
        self.unseen.clear()
        return history.train_loss[-1]

    def validate(self, validate: Callable[[nn.Module], float], patience: int | None) -> None:
        """Record a validation, keep the weights if they are the best, stop if patience is out."""
        history = self.history
        self.model.eval()
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # draws nothing from the training
            value = float(validate(self.model))
        self.model.train()
        if math.isnan(value):
            raise ValueError(f"validate returned NaN at step {history.steps}; wanted a number")
        if self.best is None or value > max(v for _, v in history.valid):
            history.best_step = history.steps
            self.best = deepcopy(self.model.state_dict())
        history.valid.append((history.steps, value))
        since = sum(step > history.best_step for step, _ in history.valid)
        history.stopped_early = patience is not None and since >= patience

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, in types that load without pickle."""
        return {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generator": self.batches.generator.get_state(),
            "torch": torch.get_rng_state(),  # dropout draws from it
            "order": self.batches.order,
            "place": self.batches.place,
            "history": dataclasses.asdict(self.history),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.batches.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self.batches.order, self.batches.place = state["order"], state["place"]
        self.history = History(**state["history"])
