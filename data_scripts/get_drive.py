"""Put DRIVE in its place.

Licence: research and education; copying, redistribution and unauthorised commercial use
prohibited.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI
23(4), 2004, 501-509.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_drive.py    says where to get it
    python data_scripts/get_drive.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("drive", __doc__))
