"""Put Dermofit image library in its place.

Licence: paid licence with the University of Edinburgh, not seen by us; a public list says:
no commercial or educational use.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Ballerini et al., A color and texture based hierarchical K-NN approach to the
classification of non-melanoma skin lesions, Color Medical Image Analysis, Springer, 2013,
63-86.

Its owner gives it on request, agreement or in a browser, so nothing is downloaded here: the
command says where to get it, and takes over what you got. Copied, never moved.

    python data_scripts/get_dermofit.py    says where to get it
    python data_scripts/get_dermofit.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("dermofit", __doc__))
