"""Put ISIC 2016 challenge in its place.

Licence: CC0 (as the set's page at paperswithcode states); cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Gutman et al., Skin lesion analysis toward melanoma detection: a challenge at ISBI 2016,
hosted by ISIC, arXiv 1605.01397.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_isic2016.py    downloads it
    python data_scripts/get_isic2016.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("isic2016", __doc__))
