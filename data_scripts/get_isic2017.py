"""Put ISIC 2017 challenge in its place.

Licence: CC0 1.0 as recalled from the challenge's data page, not seen there: look before you
pass it on; cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Codella et al., Skin lesion analysis toward melanoma detection: a challenge at ISBI 2017,
hosted by ISIC, arXiv 1710.05006.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_isic2017.py    downloads it
    python data_scripts/get_isic2017.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("isic2017", __doc__))
