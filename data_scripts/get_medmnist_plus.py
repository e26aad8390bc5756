"""Put MedMNIST+ in its place.

Licence: CC BY 4.0; DermaMNIST CC BY-NC 4.0.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Yang et al., MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D biomedical
image classification, Scientific Data 10, 2023, 41.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_medmnist_plus.py    downloads it
    python data_scripts/get_medmnist_plus.py --from FOLDER_OR_ARCHIVE
    python data_scripts/get_medmnist_plus.py --only dermamnist_64
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("medmnist_plus", __doc__))
