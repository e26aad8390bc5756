"""The peers of the exact forms give the same numbers; the polar form comes near."""

import pytest
import torch

from benchmarks import star_rays


def test_peers_agree_at_a_small_size(monkeypatch):
    drawn = star_rays.drawn
    monkeypatch.setattr(star_rays, "drawn", lambda batch, size, device: drawn(2, 24, device))
    cases = list(star_rays.cases("cpu"))
    assert {case.op for case in cases} == {"star_rays"} and len(cases) == 10
    for case in cases:
        ours = case.ours()
        for make in case.peers.values():
            theirs = make()()
            if "polar" in case.case:           # bilinear samples of noise differ less than pixels
                assert ours[0].sum().item() == pytest.approx(theirs[0].sum().item(), rel=0.5)
            else:
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


def test_targets_stand_in_the_cases():
    wanted = [case.wanted for case in star_rays.cases("cpu") if case.wanted]
    assert len(wanted) == 4 and {"seconds": 0.005} in wanted
