"""Put BraTS 2020 in its place.

Licence: on registration; research and education, see the agreement you sign.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Menze et al., The multimodal brain tumor image segmentation benchmark (BRATS), IEEE TMI
34(10), 2015, 1993-2024.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_brats.py    says where to get it
    python data_scripts/get_brats.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("brats", __doc__))
