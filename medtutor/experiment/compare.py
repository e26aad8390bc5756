"""Arms compared over the same seeds, in parallel, with what each of them cost."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import torch

from medtutor.experiment.devices import core_count
from medtutor.experiment.outcome import Outcome, load_outcome, save_outcome
from medtutor.experiment.progress import progress_bar
from medtutor.experiment.seeds import seeded

Arm = Callable[[int], Outcome]


class ArmFailed(RuntimeError):
    """An arm raised; the message names arm and seed and ends with the arm's own traceback."""


class UnequalBudget(ValueError):
    """Arms had different budgets; the message names arms and numbers."""


def compare(
    arms: Mapping[str, Arm],
    seeds: Iterable[int],
    *,
    workers: int | None = None,
    progress: bool = True,
    cache: str | Path | None = None,
    cache_key: str = "",
) -> Comparison:
    """Run every arm at every seed; arms are paired by the seed.

    Each run has one thread and starts from global random states set by the seed alone, the same
    for every arm. So the results depend neither on the order of execution nor on the workers.

    Args:
        arms: name -> function of a seed, returning an Outcome. Functions of a notebook will do.
        seeds: of the runs.
        workers: processes; None is one a core, 1 stays in this process.
        progress: show a bar, where someone can see it.
        cache: a folder. Runs found there are not run again, so that an interrupted comparison
            goes on where it was. It knows runs by arm and seed: empty it when an arm changes.
        cache_key: whatever else the results depend on (parameters, a hash of the source); a run
            stored under another key is run again.

    Raises:
        ArmFailed: with the name of the arm, the seed and the traceback. Finished runs are cached.
    """
    seeds = [int(seed) for seed in seeds]
    if not arms or not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"wanted arms and different seeds; got {list(arms)} and {seeds}")
    wanted = [(name, seed) for seed in seeds for name in arms]
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more; got {workers}")
    done = {run: found for run in wanted if (found := _cached(cache, *run, cache_key))}
    missing = [run for run in wanted if run not in done]
    workers = min(core_count() if workers is None else workers, max(1, len(missing)))
    bar = progress_bar(total=len(wanted), title="arms x seeds", progress=progress)
    bar.update(len(done))
    with bar:
        for name, seed, outcome, failure in _run_all(arms, missing, workers):
            if failure:
                raise ArmFailed(f"arm {name!r} failed at seed {seed}:\n\n{failure}")
            if cache is not None:
                about = {"arm": name, "seed": seed, "key": cache_key}
                save_outcome(_cache_file(cache, name, seed), outcome, about)
            done[name, seed] = outcome
            bar.update()
    return Comparison({name: [done[name, seed] for seed in seeds] for name in arms}, seeds)


class Comparison:
    """Outcomes of arms x seeds.

    Args:
        outcomes: arm -> one outcome a seed.
        seeds: in the same order.
    """

    def __init__(self, outcomes: Mapping[str, Sequence[Outcome]], seeds: Sequence[int]) -> None:
        self._outcomes = {name: list(runs) for name, runs in outcomes.items()}
        self.seeds = list(seeds)

    @property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return list(self._outcomes)

    @property
    def metrics(self) -> list[str]:
        """Names of the scores that every arm has."""
        runs = [run for arm in self._outcomes.values() for run in arm]
        return [name for name in runs[0].scores if all(name in run.scores for run in runs)]

    def outcome(self, arm: str, seed: int) -> Outcome:
        """One run."""
        if seed not in self.seeds:
            raise KeyError(f"no seed {seed!r}; there are {self.seeds}")
        return self._runs(arm)[self.seeds.index(seed)]

    def values(self, arm: str, metric: str) -> list[float]:
        """A score of an arm, one value a seed."""
        return [_named(run.scores, metric, f"score of arm {arm!r}") for run in self._runs(arm)]

    def cases(self, arm: str, metric: str) -> np.ndarray:
        """A score of an arm for each test case, (seeds, cases)."""
        rows = [_named(run.cases, metric, f"case score of arm {arm!r}") for run in self._runs(arm)]
        if len({len(row) for row in rows}) > 1:
            raise ValueError(
                f"arm {arm!r}, {metric!r}: the seeds have different numbers of cases, "
                f"{[len(row) for row in rows]}"
            )
        return np.asarray(rows, dtype=float)

    def table(self, *metrics: str) -> pd.DataFrame:
        """Mean and sample standard deviation over seeds, a row an arm; all metrics by default."""
        columns = {}
        for metric in metrics or self.metrics:
            values = np.array([self.values(arm, metric) for arm in self.arms])
            sd = values.std(axis=1, ddof=1) if len(self.seeds) > 1 else np.full(len(values), np.nan)
            columns[metric, "mean"] = values.mean(axis=1)
            columns[metric, "sd"] = sd
        table = pd.DataFrame(columns, index=pd.Index(self.arms, name="arm"))
        table.columns = pd.MultiIndex.from_tuples(table.columns, names=["score", "over seeds"])
        return table.round(3)

    def budget(self) -> pd.DataFrame:
        """What each arm cost: parameters, steps, images seen, seconds; the mean over seeds."""
        rows = {
            arm: {
                "parameters": np.mean([run.parameters for run in runs]),
                "steps": np.mean([run.steps for run in runs]),
                "images seen": np.mean([run.images_seen for run in runs]),
                "seconds": round(float(np.mean([run.seconds for run in runs])), 1),
            }
            for arm, runs in self._outcomes.items()
        }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
        whole = [name for name in table if (table[name] % 1 == 0).all() and name != "seconds"]
        return table.astype(dict.fromkeys(whole, int))

    def require_equal_budget(self, *arms: str, within: float = 0.0) -> None:
        """Refuse a comparison in which an arm had more parameters, steps or images.

        Args:
            arms: all of them by default.
            within: relative difference from the largest that is let pass.

        Raises:
            UnequalBudget: names the arms and the numbers.
        """
        arms = arms or tuple(self.arms)
        for what in ("parameters", "steps", "images_seen"):
            for i, seed in enumerate(self.seeds):
                counts = {arm: getattr(self._runs(arm)[i], what) for arm in arms}
                if max(counts.values()) - min(counts.values()) > within * max(counts.values()):
                    said = ", ".join(f"{arm} {count:,}" for arm, count in counts.items())
                    raise UnequalBudget(
                        f"{what.replace('_', ' ')} differ at seed {seed}: {said}. Give the arms "
                        "the same, or say in the comparison why they differ"
                    )

    def _runs(self, arm: str) -> list[Outcome]:
        return _named(self._outcomes, arm, "arm")

    def __repr__(self) -> str:
        title = f"Comparison of {len(self.arms)} arms over seeds {self.seeds}"
        return f"{title}\n{self.table()}\n\n{self.budget()}"

    def _repr_html_(self) -> str:
        return self.table().to_html() + self.budget().to_html()


def _run_all(
    arms: Mapping[str, Arm], runs: list[tuple[str, int]], workers: int
) -> Iterator[tuple[str, int, Outcome | None, str]]:
    """Outcomes as they come in, in any order."""
    if workers == 1:
        for name, seed in runs:
            yield _run_one(name, arms[name], seed)
        return
    packed = {name: _packed(name, arm) for name, arm in arms.items()}
    pool = joblib.Parallel(
        n_jobs=workers, backend="loky", return_as="generator_unordered", batch_size=1
    )
    yield from pool(joblib.delayed(_run_one)(name, packed[name], seed) for name, seed in runs)


def _run_one(name: str, arm: Arm | bytes, seed: int) -> tuple[str, int, Outcome | None, str]:
    """One run with one thread; an error comes back as text, because not every one can travel."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with seeded(seed):
            arm = cloudpickle.loads(arm) if isinstance(arm, bytes) else arm
            began = time.perf_counter()
            outcome = arm(seed)
            if not isinstance(outcome, Outcome):
                raise TypeError(f"an arm must return an Outcome; got {type(outcome).__name__}")
            outcome.seconds = outcome.seconds or time.perf_counter() - began
            return name, seed, outcome.plain(), ""
    except Exception:
        return name, seed, None, traceback.format_exc()
    finally:
        torch.set_num_threads(threads)


def _packed(name: str, arm: Arm) -> bytes:
    try:
        return cloudpickle.dumps(arm)
    except Exception as error:
        raise TypeError(
            f"arm {name!r} cannot be sent to another process ({error}): make what it holds "
            "inside the function, or take workers=1"
        ) from error


def _cache_file(folder: str | Path, arm: str, seed: int) -> Path:
    return Path(folder) / quote(arm, safe=" ") / f"seed_{seed}.npz"


def _cached(folder: str | Path | None, arm: str, seed: int, key: str) -> Outcome | None:
    if folder is None or not (path := _cache_file(folder, arm, seed)).exists():
        return None
    try:
        outcome, about = load_outcome(path)
    except Exception as error:
        warnings.warn(f"{path} cannot be read ({error}); running it again", stacklevel=3)
        return None
    return outcome if about == {"arm": arm, "seed": seed, "key": key} else None


def _named(mapping: Mapping[str, object], name: str, what: str):  # noqa: ANN202
    if name not in mapping:
        raise KeyError(f"no {what} called {name!r}; there are {list(mapping)}")
    return mapping[name]
