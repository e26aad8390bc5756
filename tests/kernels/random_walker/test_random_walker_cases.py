"""The benchmark's peers give the labels that ours gives."""

import pytest
import torch

from benchmarks.random_walker import case


@pytest.mark.parametrize("shape, labels", [((32, 32, 32), 2), ((20, 40, 40), 2), ((128, 128), 2)])
def test_peers_agree(shape, labels):
    timed = case(shape, labels, "cpu")
    ours = timed.ours()
    assert set(timed.peers) == ({"scikit-image", "reference"} if shape[0] == 32
                                else {"scikit-image"})
    for name, make in timed.peers.items():
        theirs = make()()
        found = torch.as_tensor(theirs if name == "scikit-image" else theirs.labels)
        assert (found == ours.labels).float().mean() >= 0.999, name
