"""Put HRF in its place.

Licence: CC BY 4.0 (as two programs that carry it quote it); cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Budai et al., Robust vessel segmentation in fundus images, International Journal of
Biomedical Imaging, 2013, 154860.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_hrf.py    downloads it
    python data_scripts/get_hrf.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("hrf", __doc__))
