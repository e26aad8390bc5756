"""The benchmark's peers give the number that ours gives."""

import torch

from benchmarks.rbf_distance import distances


def test_peers_agree():
    case = distances("cpu", 60, 30, 16)
    ours = case.ours()
    assert set(case.peers) == {"torch.cdist", "torch eager", "reference"}
    for name, make in case.peers.items():
        for mine, theirs in zip(ours, make()(), strict=True):
            assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-4), name
