"""Put IXI in its place.

Licence: CC BY-SA 3.0.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: IXI dataset, brain-development.org: acknowledge the source.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_ixi.py    downloads it
    python data_scripts/get_ixi.py --from FOLDER_OR_ARCHIVE
    python data_scripts/get_ixi.py --only T1
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("ixi", __doc__))
