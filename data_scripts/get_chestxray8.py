"""Put ChestX-ray8 in its place.

Licence: no restrictions; link to the landing page, cite the article, acknowledge the NIH
Clinical Center.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Wang et al., ChestX-ray8: hospital-scale chest X-ray database and benchmarks, CVPR 2017,
3462-3471.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_chestxray8.py    downloads it
    python data_scripts/get_chestxray8.py --from FOLDER_OR_ARCHIVE
    python data_scripts/get_chestxray8.py --only images_001
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("chestxray8", __doc__))
