"""Put derm7pt in its place.

Licence: academic research; the images may not be redistributed; G. Argenziano keeps all
rights.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Kawahara et al., Seven-point checklist and skin lesion classification using multitask
multimodal neural nets, IEEE JBHI 23(2), 2019, 538-546.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_derm7pt.py    says where to get it
    python data_scripts/get_derm7pt.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("derm7pt", __doc__))
