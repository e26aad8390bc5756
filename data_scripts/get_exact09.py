"""Put EXACT09 in its place.

Licence: no copying or redistribution without the organisers' permission; cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Lo et al., Extraction of airways from CT (EXACT'09), IEEE TMI 31(11), 2012, 2093-2107.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_exact09.py    says where to get it
    python data_scripts/get_exact09.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("exact09", __doc__))
