"""Put ISLES 2022 in its place.

Licence: CC BY 4.0 as public programs quote the data's page, CC BY-SA 4.0 as the
organisers' repository says: pass derived volumes on under the latter; cite the article.
Images of people, released without names for research and teaching; do not try to find out
who they are.
Cite: Hernandez Petzsche et al., ISLES 2022: a multi-center magnetic resonance imaging stroke
lesion segmentation dataset, Scientific Data 9, 2022, 762.

It is downloaded, verified, unpacked beside its place, checked, and renamed last; a cut
download goes on where it stopped.

    python data_scripts/get_isles2022.py    downloads it
    python data_scripts/get_isles2022.py --from FOLDER_OR_ARCHIVE
"""

import sys

from medtutor.datasets.script import run

if __name__ == "__main__":
    sys.exit(run("isles2022", __doc__))
