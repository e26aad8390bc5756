"""Put VascuSynth in its place.

Licence: not stated for the volumes; the software is CC BY; cite the article.
No images of patients.
Cite: Hamarneh and Jassi, VascuSynth: simulating vascular trees for generating volumetric image
data with ground truth segmentation and tree analysis, Computerized Medical Imaging and Graphics
34(8), 2010, 605-616.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_vascusynth.py    says where to get it
    python data_scripts/get_vascusynth.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("vascusynth", __doc__))
