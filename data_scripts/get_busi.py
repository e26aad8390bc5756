"""Put BUSI (breast ultrasound) in its place from the zip that you downloaded in a browser.

Licence: the data page states none; cite the article. Ultrasound pictures of patients, released
without names for research and teaching; do not try to find out who they are.
Cite: Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28, 2020, 104863.

    python data_scripts/get_busi.py Dataset_BUSI_with_GT.zip

There is no published checksum, so the layout is checked: folders, pairs of picture and mask, and
the number of pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medtutor.datasets import Busi, facts, how_to_get
from medtutor.datasets.fetch import FetchFailed, install


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the data set is in place, 1 with the manual way when not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", nargs="?", type=Path, help="the zip downloaded in a browser")
    archive = parser.parse_args(arguments).archive
    about = facts("busi")
    if archive is None:
        print(how_to_get(about), file=sys.stderr)
        return 1
    print(f"{about.title}\n  licence: {about.licence}\n  cite: {about.citation}")
    try:
        place = install(about, Busi, archive=archive)
    except FetchFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"in place: {place}\nnext: medtutor run 14 --dataset busi")
    return 0


if __name__ == "__main__":
    sys.exit(main())
