"""Experiments: one training loop, arms compared at equal budget over seeds, devices, splits."""

from medtutor.experiment.compare import Comparison, UnequalBudget, compare
from medtutor.experiment.devices import choose_device, core_count
from medtutor.experiment.fit import History, fit, predict
from medtutor.experiment.outcome import Outcome
from medtutor.experiment.seeds import generator, seeded
from medtutor.experiment.split import split

__all__ = [
    "Comparison",
    "History",
    "Outcome",
    "UnequalBudget",
    "choose_device",
    "compare",
    "core_count",
    "fit",
    "generator",
    "predict",
    "seeded",
    "split",
]
