"""The benchmark's trees are plausible, and what is timed beside ours draws the same."""

import pytest
import torch

from benchmarks.capsules import MAP, ROOT, WIDTH, boxes, cases, random_tree
from medtutor.kernels.capsules import capsules


def test_random_tree():
    ends, radii = random_tree(100)
    assert ends.shape == (199, 2, 3) and float(radii.max()) == pytest.approx(ROOT)
    assert ends.min() >= 0 and ends.max() <= MAP * WIDTH
    below = {tuple(end): i for i, end in enumerate(ends[:, 1].tolist())}
    children = {}
    for child, start in enumerate(map(tuple, ends[:, 0].tolist())):
        if start != (0, MAP * WIDTH / 2, MAP * WIDTH / 2):     # the root; others start at an end
            children.setdefault(below[start], []).append(child)
    assert len(children) == 99 and all(len(pair) == 2 for pair in children.values())
    for parent, pair in children.items():                      # Murray's law
        assert float(radii[pair].pow(3).sum()) == pytest.approx(float(radii[parent] ** 3), rel=1e-4)
    assert 60 < float((ends[:, 1] - ends[:, 0]).norm(dim=1).sum()) < 90    # mm; grown trees: 80


@pytest.mark.parametrize("how", ["samples", "smooth"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_the_peer_draws_the_same(how, dtype):
    ends, radii = random_tree(20)
    given = {"spacing": WIDTH * 2, "partial": how, "dtype": dtype}
    ours, peer = capsules(ends, radii, (51,) * 3, **given), boxes(ends, radii, 51, **given)()
    assert peer.shape == ours.shape and peer.dtype == dtype
    near = (ours.float() - peer.float()).abs() <= (1 if dtype == torch.uint8 else 1e-4)
    assert near.float().mean() > 0.9999        # the peer's float32 may put a part on the other side


def test_cases():
    found = list(cases("cpu"))
    assert {case.op for case in found} == {"capsules"}
    assert len({case.case for case in found}) == len(found)
    assert found[-1].ours().shape == (1, 41, 41, 41)
    assert {"seconds": 0.2} in [case.wanted for case in found]
    torch.testing.assert_close(found[-1].ours(), found[-1].peers["reference"]()())
