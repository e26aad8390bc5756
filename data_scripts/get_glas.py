"""Put GlaS (Warwick-QU) in its place.

Licence: research only, no commercial use; cite both articles.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Sirinukunwattana et al., Gland segmentation in colon histology images: the GlaS challenge
contest, Medical Image Analysis 35, 2017, 489-502.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_glas.py    downloads it
    python data_scripts/get_glas.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("glas", __doc__))
