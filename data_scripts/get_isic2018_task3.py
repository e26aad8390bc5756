"""Put ISIC 2018 task 3 in its place.

Licence: CC BY-NC 4.0 (as datasetninja.com states for the challenge); cite both articles.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Codella et al., Skin lesion analysis toward melanoma detection 2018: a challenge
hosted by ISIC, arXiv 1902.03368; Tschandl et al., The HAM10000 dataset, Scientific Data 5,
2018, 180161.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_isic2018_task3.py    downloads it
    python data_scripts/get_isic2018_task3.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("isic2018_task3", __doc__))
