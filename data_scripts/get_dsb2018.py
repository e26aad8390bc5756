"""Put Data Science Bowl 2018 (BBBC038v1) in its place.

Licence: CC0 1.0 (as two programs quote the landing page).
No images of patients.
Cite: Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science
Bowl, Nature Methods 16, 2019, 1247-1253.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_dsb2018.py    downloads it
    python data_scripts/get_dsb2018.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("dsb2018", __doc__))
