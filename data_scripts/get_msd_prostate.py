"""Put Medical Segmentation Decathlon, Task05 prostate in its place.

Licence: CC BY-SA 4.0 (share-alike: derived volumes carry the same licence).
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13, 2022,
4128.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_msd_prostate.py    downloads it
    python data_scripts/get_msd_prostate.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("msd_prostate", __doc__))
