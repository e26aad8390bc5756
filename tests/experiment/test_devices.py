import os

import pytest
import torch
from torch import nn

from medtutor.experiment.devices import choose_device, core_count, memory_format


def test_choose_device():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device().type in ("cpu", "cuda")


def test_errors():
    with pytest.raises(ValueError, match="got 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"sees no CUDA device.*CUDA build"):
            choose_device("cuda")
    if not torch.backends.mps.is_available():
        with pytest.raises(ValueError, match="no MPS"):
            choose_device("mps")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not run: no CPU affinity here")
def test_core_count_follows_affinity():
    ours = os.sched_getaffinity(0)
    assert core_count() == len(ours)
    try:
        os.sched_setaffinity(0, {min(ours)})
        assert core_count() == 1
    finally:
        os.sched_setaffinity(0, ours)


def test_memory_format():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    instance = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(2, 2))
    assert memory_format(plain, cpu, 2) is torch.channels_last
    assert memory_format(instance, cpu, 2) is torch.contiguous_format  # slow there
    assert memory_format(instance, gpu, 2) is torch.channels_last
    assert memory_format(instance, gpu, 3) is torch.channels_last_3d
    assert memory_format(nn.Linear(2, 2), cpu, 0) is torch.contiguous_format
