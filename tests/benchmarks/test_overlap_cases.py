"""All peers of the overlap cases give the same loss and the same gradient."""

import pytest
import torch

from benchmarks import overlap


@pytest.mark.parametrize(
    ("shape", "label"),
    [((2, 1, 6, 5), torch.float32), ((2, 1, 6, 5), torch.uint8), ((2, 4, 6, 5), torch.uint8)],
)
def test_peers_agree_at_a_small_size(monkeypatch, shape, label):
    monkeypatch.setattr(torch, "compile", lambda function: function)  # minutes, and not ours
    case = overlap.volume("cpu", shape, torch.float32, label, {})
    value, gradient = case.ours()
    assert set(case.peers) == {"monai", "torch eager", "torch.compile", "reference"}
    for make in case.peers.values():
        theirs, slope = make()()
        torch.testing.assert_close(theirs, value)
        torch.testing.assert_close(slope, gradient)


def test_bytes_and_targets(monkeypatch):
    monkeypatch.setattr(overlap, "volume", lambda device, *rest: rest)
    shapes = {rest[0] for rest in overlap.cases("cpu")}
    assert {(4, 1, 128, 128, 128), (16, 4, 256, 256)} <= shapes
    monkeypatch.undo()
    # 60 voxels: 3 passes of 4 bytes and 2 of the target; 4 classes: 12 passes and 2 of one byte.
    shape = (2, 1, 6, 5)
    assert overlap.volume("cpu", shape, torch.float32, torch.float32, {}).bytes == 60 * 20
    shape = (2, 4, 6, 5)
    assert overlap.volume("cpu", shape, torch.float32, torch.uint8, {}).bytes == 60 * 50
