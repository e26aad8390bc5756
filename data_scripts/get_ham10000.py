"""Put HAM10000 in its place.

Licence: CC BY-NC 4.0 (quoted elsewhere as CC BY-NC-SA 4.0): non-commercial, attribution.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Tschandl et al., The HAM10000 dataset, Scientific Data 5, 2018, 180161.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_ham10000.py    downloads it
    python data_scripts/get_ham10000.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("ham10000", __doc__))
