"""MedMNIST readers: members, sizes, channels, volumes, findings; the owner's files and others."""

import hashlib
import io
import pickle
import zipfile

import numpy as np
import pytest

from medtutor.datasets import DatasetDamaged, MedMnist, MedMnistPlus, facts, npz_images
from medtutor.datasets import medmnist as module
from medtutor.datasets.download import FetchFailed
from medtutor.datasets.finished import write_marker
from medtutor.datasets.labelled_set import open_set
from medtutor.datasets.medmnist_members import LARGER, MEMBERS
from medtutor.datasets.own_copy import own_copy
from medtutor.datasets.places import look
from medtutor.datasets.sheet import write_sheet

COUNTS = (8, 4, 6)


def write_member(folder, stem, **other):
    """A file as the owner packs it, of 8, 4 and 6 images; ``other`` arrays replace its own."""
    member, _, size = stem.partition("_")
    about = MEMBERS[member]
    pixels = (int(size or 28),) * about.spatial + ((3,) if about.channels == 3 else ())
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in zip(("train", "val", "test"), COUNTS, strict=True):
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, *pixels), np.uint8)
        wide, top = (len(about.classes), 2) if about.findings else (1, len(about.classes))
        labels = np.arange(count)[:, None] * np.ones((1, wide), int) % top
        arrays[f"{part}_labels"] = labels.astype(np.uint8)
    arrays = {name: array for name, array in {**arrays, **other}.items() if array is not None}
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / f"{stem}.npz", **arrays)
    return folder / f"{stem}.npz"


@pytest.fixture
def owner(tmp_path, monkeypatch):
    """Writes files that count as the owner's: their numbers and checksums are the stated ones."""
    fewer = {name: about._replace(counts=COUNTS) for name, about in MEMBERS.items()}
    monkeypatch.setattr(module, "MEMBERS", fewer)
    digests = {}
    for name in ("medmnist", "medmnist_plus"):
        about = facts(name)

        class Told:
            def __init__(self, about):
                self.about = about

            def __getattr__(self, key):
                return getattr(self.about, key)

            @property
            def files(self):
                return [
                    file.model_copy(update={"checksum": digests.get(file.name, file.checksum)})
                    for file in self.about.files
                ]

        monkeypatch.setitem(digests, f"facts of {name}", Told(about))
    monkeypatch.setattr(module, "facts", lambda name: digests[f"facts of {name}"])

    def write(*stems):
        for stem in stems:
            path = write_member(tmp_path / "medmnist", stem)
            digests[path.name] = f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"
        return tmp_path / "medmnist"

    return write


def test_one_member(owner):
    images = MedMnist(owner("dermamnist"))
    assert len(images) == 18 and [len(part) for part in images.splits()] == [8, 4, 6]
    assert images.classes == MEMBERS["dermamnist"].classes
    case = images["dermamnist/valid/000002"]
    assert case.image.shape == (3, 28, 28) and case.image.dtype == np.float32
    with np.load(images.root / "dermamnist.npz") as stored:
        np.testing.assert_allclose(case.image, stored["val_images"][2].transpose(2, 0, 1) / 255)
    assert case.label == 2 and case.split == "valid" and case.mask is None
    assert case.metadata["official"] and case.metadata["licence"] == "CC BY-NC 4.0"
    assert "NOT the owner's" not in repr(images)
    with pytest.raises(KeyError, match="no case 'x'"):
        images["x"]


def test_grey_and_volumes(owner):
    root = owner("breastmnist", "organmnist3d")
    assert MedMnist(root, "breastmnist")[0].image.shape == (1, 28, 28)
    assert MedMnist(root, "organmnist3d")[0].image.shape == (1, 28, 28, 28)


def test_the_family(owner, tmp_path):
    images = MedMnist(owner("breastmnist", "chestmnist", "organmnist3d", "retinamnist"))
    assert len(images) == 4 * 18 and len(images.classes) == 2 + 11 + 5
    assert images.classes[images.labels["retinamnist/test/000003"]] == (
        "retinamnist: retinopathy grade 3"
    )
    assert images.class_counts()["no class"] == 18
    assert images.class_counts()["breastmnist: malignant"] == 9
    assert [len(part) for part in images.splits()] == [32, 16, 24]
    with pytest.raises(ValueError, match="images of one shape wanted, found 3: choose one member"):
        images.labelled()
    assert write_sheet(images, tmp_path / "sheet.png").stat().st_size > 1000


def test_findings(owner):
    images = MedMnist(owner("chestmnist"))
    assert images.classes == () and images.class_counts() == {} and images[0].label is None
    assert images[0].metadata["findings"] == ()
    assert images[1].metadata["findings"] == MEMBERS["chestmnist"].classes


def test_labelled(owner):
    images = MedMnist(owner("dermamnist"))
    whole = images.labelled()
    assert whole.images.shape == (18, 3, 28, 28) and whole.labels.dtype == np.int64
    some = images.labelled(["dermamnist/test/000001", "dermamnist/train/000007"])
    assert some.labels.tolist() == [1, 0]
    for row, name in enumerate(some.ids):
        np.testing.assert_array_equal(some.images[row], images[name].image)
        np.testing.assert_array_equal(some.images[row], whole.images[images.ids.index(name)])


def test_larger_sizes(owner):
    root = owner("breastmnist", "breastmnist_64", "breastmnist_128", "nodulemnist3d_64")
    assert len(MedMnist(root)) == 18
    assert len(MedMnistPlus(root)) == 3 * 18
    images = MedMnistPlus(root, "breastmnist", 128)
    assert images.ids[0] == "breastmnist_128/train/000000"
    assert images[0].image.shape == (1, 128, 128)
    assert MedMnistPlus(root, "nodulemnist3d")[0].image.shape == (1, 64, 64, 64)
    with pytest.raises(ValueError, match="size wants one of .64, 128, 224., given 28"):
        MedMnistPlus(root, size=28)
    with pytest.raises(DatasetDamaged, match="breastmnist_224.npz, not there .*--only breastmni"):
        MedMnistPlus(root, "breastmnist", 224)


def test_what_is_not_there(owner):
    root = owner("breastmnist")
    with pytest.raises(ValueError, match="member wants one of pathmnist, .*given 'mnist'"):
        MedMnist(root, "mnist")
    with pytest.raises(DatasetDamaged, match="wanted bloodmnist.npz, not there"):
        MedMnist(root, "bloodmnist")
    with pytest.raises(DatasetDamaged, match="no cases found"):
        MedMnistPlus(root)


def test_another_file_is_refused(owner):
    root = owner("breastmnist", "bloodmnist")
    write_member(root, "bloodmnist", train_images=np.zeros((8, 28, 28, 3), np.uint8))
    with pytest.raises(DatasetDamaged, match="bloodmnist.npz: its checksum is not that of the own"):
        MedMnist(root)
    assert len(MedMnist(root, "breastmnist")) == 18  # the other member is as it should be
    images = MedMnist(root, official=False)
    assert images.altered == ["bloodmnist"] and "NOT the owner's files: bloodmnist" in repr(images)
    assert not images["bloodmnist/train/000000"].metadata["official"]
    assert images["breastmnist/train/000000"].metadata["official"]


def test_another_number_is_refused(owner):
    root = owner("breastmnist")
    short = {"train_images": np.zeros((7, 28, 28), np.uint8), "train_labels": np.zeros((7, 1))}
    write_member(root, "breastmnist", **short)
    with pytest.raises(DatasetDamaged, match="8 train images wanted, found 7 .to open it as what"):
        MedMnist(root)
    assert len(MedMnist(root, official=False)) == 17


def test_what_was_fetched_is_not_hashed_again(owner, monkeypatch):
    root = owner("breastmnist")
    digest = next(f.digest for f in module.facts("medmnist").files if f.part == "breastmnist")

    def forbidden(*_):
        raise AssertionError("hashed again")

    write_marker(root, "medmnist", cases=18, counts={}, files={"breastmnist.npz": digest})
    monkeypatch.setattr(module, "differs", forbidden)
    assert len(MedMnist(root)) == 18
    monkeypatch.setattr(module, "HASHED_AT_ONCE", 10)
    write_marker(root, "medmnist", cases=18, counts={}, files={})
    assert len(MedMnist(root)) == 18  # too large to be hashed at each opening: the numbers only
    write_marker(root, "medmnist", cases=36, counts={}, files={})
    with pytest.raises(DatasetDamaged, match="36 cases were put here"):
        MedMnist(root)
    assert len(MedMnist(root, "breastmnist")) == 18  # a member of several


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"val_images": None}, "no array val_images"),
        ({"test_labels": None}, "no array test_labels"),
        ({"val_images": np.zeros((4, 32, 32), np.uint8)}, r"val_images wanted N x \(28, 28\)"),
        ({"val_images": np.zeros((4, 28, 28))}, "found .* of float64"),
        ({"val_labels": np.zeros((3, 1), np.uint8)}, r"val_labels wanted \(4, 1\), found \(3, 1\)"),
        ({"val_labels": np.full((4, 1), 2, np.uint8)}, "val_labels wanted 0 to 1, found 2 to 2"),
        ({"val_labels": np.array([[None]] * 4)}, "val_labels holds Python objects"),
    ],
)
def test_wrong_arrays(tmp_path, other, message):
    write_member(tmp_path, "breastmnist", **other)
    with pytest.raises(DatasetDamaged, match=message):
        MedMnist(tmp_path, official=False)


def test_cut_and_damaged_files(tmp_path):
    path = write_member(tmp_path, "breastmnist")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetDamaged, match="breastmnist.npz: cannot be read as npz"):
        MedMnist(tmp_path, official=False)
    path.write_bytes(content)
    images = MedMnist(tmp_path, official=False)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.getinfo("train_images.npy").header_offset
    path.write_bytes(content[: start + 2000] + bytes(64) + content[start + 2064 :])
    with pytest.raises(DatasetDamaged, match="cannot be read as npz"):
        images[0]


def test_large_arrays_are_mapped(owner, monkeypatch):
    root = owner("breastmnist", "chestmnist")
    monkeypatch.setattr(npz_images, "IN_MEMORY", 1000)
    monkeypatch.setattr(npz_images, "LITTLE", 100)
    images = MedMnist(root)
    source = images.sources["breastmnist"].images
    assert isinstance(source.whole("train_images"), np.memmap)
    with np.load(root / "breastmnist.npz") as stored:
        for case in images:  # through more arrays than are kept
            if case.id.startswith("breastmnist/train"):
                k = int(case.id[-6:])
                np.testing.assert_allclose(case.image[0], stored["train_images"][k] / 255)
    assert len(source._kept) == npz_images.KEPT
    assert sorted(path.name for path in root.iterdir()) == ["breastmnist.npz", "chestmnist.npz"]
    again = pickle.loads(pickle.dumps(images))
    assert not again.sources["breastmnist"].images._kept and again[3].label == images[3].label


def test_facts_agree_with_the_registry():
    members = {file.part for file in facts("medmnist").files}
    assert members == set(MEMBERS) and len(members) == 18
    larger = {file.part for file in facts("medmnist_plus").files}
    assert larger == {
        f"{name}_{size}" for name, about in MEMBERS.items()
        for size in (LARGER if about.spatial == 2 else (64,))
    }  # fmt: skip
    files = (*facts("medmnist").files, *facts("medmnist_plus").files)
    digests = [file.digest for file in files]
    assert len(set(digests)) == len(digests) == 60 and all(len(d) == 36 for d in digests)
    totals = {k: sum(sum(m.counts) for m in MEMBERS.values() if m.spatial == k) for k in (2, 3)}
    assert totals == {2: 707_962, 3: 9_996}  # "approximately 708K 2D and 10K 3D images"


@pytest.mark.parametrize("real_data", ["pneumoniamnist_altered"], indirect=True)
def test_an_altered_copy_is_not_taken_for_the_owners(real_data, monkeypatch):
    with pytest.raises(DatasetDamaged, match="4708 train images wanted, found 3882"):
        open_set("medmnist", real_data)
    images = MedMnist(real_data, official=False)
    assert images.altered == ["pneumoniamnist"] and len(images) == 3882 + 524 + 624
    assert images.class_counts() == {"normal": 757, "pneumonia": 4273}
    assert images[100].image.shape == (1, 28, 28) and 0.1 < images[100].image.mean() < 0.9
    monkeypatch.setenv("MEDTUTOR_DATA", str(real_data.parent))
    assert look(facts("medmnist")) is None  # its folder has another name
    for given in (real_data, real_data / "pneumoniamnist.npz"):  # nor is it taken over
        with pytest.raises(FetchFailed, match="checksum wanted md5:28209eda.*, found md5:f5b994ec"):
            own_copy(facts("medmnist"), facts("medmnist").files, given)
