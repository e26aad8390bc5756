"""Pictures as squares with their classes: averaged over blocks first, aspect kept."""

import numpy as np
import pytest

from medtutor.datasets.classified import small
from medtutor.datasets.pictures import squared


def test_small_agrees_with_the_slow_way():
    y, x = np.mgrid[0:451, 0:603] / 600
    picture = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x + 4 * y)]).astype(np.float32)
    fast = small(picture, 32)
    slow = np.stack([squared(channel, 32) for channel in picture])
    assert fast.shape == slow.shape == (3, 32, 32) and fast.dtype == np.float32
    assert np.abs(fast - slow)[:, 5:-5].max() < 0.02  # block 9: 1 + 0 pixels are cut off
    assert not fast[:, :4].any() and not fast[:, -4:].any()  # 24 of 32 rows are picture


def test_small_averages_areas():
    fine = np.indices((64, 64)).sum(0) % 2  # a chessboard of single pixels
    assert np.allclose(small(fine[None].astype(np.float32), 8), 0.5)


@pytest.mark.parametrize("shape", [(3, 5, 5), (1, 1, 400), (1, 300, 3), (3, 8, 8)])
def test_small_takes_any_shape(shape):
    made = small(np.ones(shape, np.float32), 8)
    assert made.shape == (shape[0], 8, 8) and made.max() == pytest.approx(1)


def test_size():
    with pytest.raises(ValueError, match="size wants a whole number > 0, given -1"):
        small(np.ones((3, 4, 4), np.float32), -1)
