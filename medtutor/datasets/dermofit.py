"""Dermofit image library: clinical photographs of ten kinds of skin lesion, with masks."""

from __future__ import annotations

from pathlib import Path

from medtutor.datasets.case import Case
from medtutor.datasets.classified import ClassifiedSet
from medtutor.datasets.labelled_set import natural
from medtutor.datasets.pictures import files_by_stem

MEANINGS = {
    "AK": "actinic keratosis",
    "BCC": "basal cell carcinoma",
    "DF": "dermatofibroma",
    "IEC": "intraepithelial carcinoma",
    "MEL": "malignant melanoma",
    "ML": "melanocytic nevus (mole)",
    "PYO": "pyogenic granuloma",
    "SCC": "squamous cell carcinoma",
    "SK": "seborrhoeic keratosis",
    "VASC": "haemangioma",
}
CLASSES = tuple(MEANINGS)
LIST = "lesionlist.txt"


class Dermofit(ClassifiedSet):
    """The photographs as a sequence, one a lesion; ids as ``AK/A101``.

    Knows the owner's layout once its ten archives are unpacked side by side: a folder a class, in
    capitals or not, with a folder a lesion (``AK/A101/A101.png``, ``AK/A101/A101mask.png``), and
    ``lesionlist.txt`` (number, lesion, class), which is compared where it is there. Written from
    public programs that read it, tried on made files only.

    With all ten classes there the whole set is wanted; a class whose folder is absent is passed
    over. Patients are not named, so the split is by lesion. The owner's article says that a pixel
    is about 0.03 mm, which is too rough for ``Case.spacing``.
    """

    name = "dermofit"
    classes = CLASSES
    cases = 1300
    """How many lesions the whole set has."""
    counts = {"AK": 45, "BCC": 239, "ML": 331, "SCC": 88, "SK": 257}
    """Of these classes two sources agree on the number."""

    def _open(self) -> None:
        self._files: dict[str, tuple[Path, Path]] = {}
        self.labels = {}
        for label, kind in enumerate(CLASSES):
            folders = [self.root / written for written in (kind, kind.lower())]
            folder = next((path for path in folders if path.is_dir()), None)
            if folder is None:
                self._still_packed(kind)
                continue
            found = self._pairs(kind, folder)
            if len(found) != self.counts.get(kind, len(found)):
                self.damaged(folder, f"{self.counts[kind]} lesions wanted, found {len(found)}")
            self._files |= found
            self.labels |= dict.fromkeys(found, label)
        self.ids = sorted(self._files, key=natural)
        if set(self.labels.values()) == set(range(len(CLASSES))) and len(self.ids) != self.cases:
            self.damaged(self.root, f"{self.cases} lesions wanted, found {len(self.ids)}")
        if (self.root / LIST).is_file():
            self._compare_with_list(self.root / LIST)

    def _pairs(self, kind: str, folder: Path) -> dict[str, tuple[Path, Path]]:
        """Id -> picture and mask, for the lesions of a class."""
        pairs = {}
        for lesion in sorted(path for path in folder.iterdir() if path.is_dir()):
            pictures = files_by_stem(lesion, (".png",))
            name = lesion.name
            if lost := [f"{n}.png" for n in (name, f"{name}mask") if n not in pictures]:
                self.damaged(lesion, f"{', '.join(lost)} missing")
            pairs[f"{kind}/{name}"] = (pictures[name], pictures[f"{name}mask"])
        return pairs

    def _still_packed(self, kind: str) -> None:
        for archive in (f"{kind}.zip", f"{kind.lower()}.zip"):
            if (self.root / archive).is_file():
                self.damaged(
                    self.root / archive,
                    "still packed: unpack the ten archives here, so that each becomes a folder "
                    f"({kind}/A101/A101.png)",
                )

    def _compare_with_list(self, path: Path) -> None:
        here = {CLASSES[label] for label in self.labels.values()}
        listed = set()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if not (cells := line.split()):
                continue
            if len(cells) != 3 or cells[2].upper() not in CLASSES:
                self.damaged(path, f"number, lesion, class wanted in a line, found {line!r}")
            if (kind := cells[2].upper()) in here:
                listed.add(f"{kind}/{cells[1]}")
        if alone := sorted(listed ^ set(self.ids)):
            self.damaged(path, f"the list and the folders differ: {', '.join(alone[:5])}")

    def _read(self, name: str) -> Case:
        label = self.labels[name]
        metadata = {} if label is None else {"diagnosis": MEANINGS[CLASSES[label]]}
        return self._case(name, *self._files[name], metadata)
