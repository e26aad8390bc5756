"""Which form takes which tensors."""

import pytest
import torch

from medtutor.kernels import dispatch


@pytest.mark.parametrize("dtype, taken", [(torch.float32, True), (torch.float64, True),
                                          (torch.float16, False), (torch.bfloat16, False)])
def test_on_the_cpu(dtype, taken):
    assert dispatch.has_fast_form(torch.zeros(2, dtype=dtype)) is taken
    assert dispatch.has_fast_form(torch.zeros(2, dtype=dtype), torch.zeros(2).byte()) is taken


def test_other_devices_take_the_reference():
    assert not dispatch.has_fast_form(torch.zeros(2, device="meta"))


def test_several_devices_are_refused():
    with pytest.raises(ValueError, match="one device, got cpu, meta"):
        dispatch.has_fast_form(torch.zeros(2), torch.zeros(2, device="meta"))


def test_without_triton_the_gpu_takes_the_reference_and_says_so(monkeypatch):
    class OnGpu:
        device, dtype = torch.device("cuda"), torch.float32

        def is_floating_point(self):
            return True

    dispatch._triton_is_here.cache_clear()
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="Triton is not installed"):
        assert not dispatch.has_fast_form(OnGpu())
    dispatch._triton_is_here.cache_clear()
    monkeypatch.setattr(dispatch, "find_spec", lambda name: object())
    assert dispatch.has_fast_form(OnGpu())
    dispatch._triton_is_here.cache_clear()
