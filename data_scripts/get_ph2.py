"""Put PH2 in its place.

Licence: research and education; redistribution and commercial use not allowed.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Mendonca et al., PH2: a dermoscopic image database for research and benchmarking, EMBC
2013, 5437-5440.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_ph2.py    says where to get it
    python data_scripts/get_ph2.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("ph2", __doc__))
