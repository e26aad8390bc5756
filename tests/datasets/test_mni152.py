"""The MNI152 head: shape, orientation by anatomy, labels, planes."""

import numpy as np
import pytest

from medtutor.datasets import load_mni152
from medtutor.datasets.scan import centred


@pytest.fixture(scope="module")
def head():
    return load_mni152()


def test_shape(head):
    assert head.image.shape == head.label.shape == (95, 117, 99)
    assert head.image.dtype == np.float32 and head.label.dtype == np.int64
    assert head.spacing == (2.0, 2.0, 2.0)
    assert head.image.min() == 0 and 0.9 < head.image.max() <= 1


def test_labels(head):
    assert set(np.unique(head.label)) == {0, 1, 2}
    grey, white = (head.image[head.label == k].mean() for k in (1, 2))
    assert white > grey > head.image[head.label == 0].mean()  # T1
    assert (head.label[head.image == 0] == 0).all()


def test_orientation(head):
    # The affine takes a voxel (d, h, w) to (right, anterior, superior) in mm, as documented.
    corner, far = head.affine @ [0, 0, 0, 1], head.affine @ [94, 116, 98, 1]
    assert corner[0] > 0 > far[0]  # W: right to left
    assert corner[1] > 0 > far[1]  # H: anterior to posterior
    assert corner[2] > 0 > far[2]  # D: superior to inferior
    # Anatomy: the cerebellum makes the lower back full of brain, the lower front is face.
    brain = head.label > 0
    below = brain[70:80]
    assert below[:, 70:100].mean() > 2 * below[:, 15:40].mean()
    # Left and right mirror each other about the middle plane of axis 2, front and back do not.
    assert (brain == brain[:, :, ::-1]).mean() > 0.98 > (brain == brain[:, ::-1]).mean()


def test_slice_2d(head):
    image, label = head.slice_2d()
    assert image.shape == label.shape == (117, 99)
    np.testing.assert_array_equal(image, head.image[47])
    assert head.slice_2d(axis=2, index=10)[0].shape == (95, 117)
    small, marks = head.slice_2d(axis=1, index=50, size=(64, 128))
    assert small.shape == marks.shape == (64, 128)
    np.testing.assert_array_equal(small[:, 14:113], head.image[15:79, 50])
    with pytest.raises(ValueError, match="0 .axial., 1 .coronal. or 2 .sagittal., given 3"):
        head.slice_2d(axis=3)
    with pytest.raises(ValueError, match="0 to 94, given 95"):
        head.slice_2d(index=95)


def test_centred():
    np.testing.assert_array_equal(centred(np.arange(5), (3,)), [1, 2, 3])
    np.testing.assert_array_equal(centred(np.arange(1, 4), (6,)), [0, 1, 2, 3, 0, 0])
    assert centred(np.ones((4, 9)), (6, 5)).shape == (6, 5)
    with pytest.raises(ValueError, match="2 whole numbers > 0"):
        centred(np.ones((4, 9)), (6,))


def test_other_resolutions_are_refused():
    with pytest.raises(ValueError, match="1 or 2 .millimetres., given 3"):
        load_mni152(3)


@pytest.mark.slow
def test_one_millimetre():
    head = load_mni152(1)
    assert head.image.shape == (189, 233, 197)
    assert head.spacing == (1.0, 1.0, 1.0)
