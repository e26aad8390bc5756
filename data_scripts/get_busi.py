"""Put BUSI in its place.

Licence: none stated on the data page; cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28, 2020, 104863.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_busi.py    downloads it
    python data_scripts/get_busi.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("busi", __doc__))
