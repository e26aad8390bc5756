"""Put MSD Task04 (hippocampus) in its place: download, verify, unpack, check, rename last.

Licence: CC BY-SA 4.0; derived volumes carry the same licence. MR images of people, released
without names for research and teaching; do not try to find out who they are.
Cite: Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13, 2022, 4128.

    python data_scripts/get_msd_hippocampus.py              downloads the archive
    python data_scripts/get_msd_hippocampus.py ARCHIVE      takes one downloaded by hand

Address and checksum are those of MONAI's DecathlonDataset, read from the installed MONAI.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medtutor.datasets import MsdHippocampus, facts
from medtutor.datasets.fetch import FetchFailed, Source, install

TASK = "Task04_Hippocampus"


def monai_source() -> Source:
    """Address and md5 as the installed MONAI has them."""
    from monai.apps import DecathlonDataset

    return Source(DecathlonDataset.resource[TASK], "md5", DecathlonDataset.md5[TASK])


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the data set is in place, 1 with the manual way when not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", nargs="?", type=Path, help="archive downloaded by hand")
    archive = parser.parse_args(arguments).archive
    about = facts("msd_hippocampus")
    print(f"{about.title}\n  licence: {about.licence}\n  cite: {about.citation}")
    try:
        place = install(about, MsdHippocampus, source=monai_source(), archive=archive)
    except FetchFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"in place: {place}\nnext: medtutor run 14 --dataset msd_hippocampus")
    return 0


if __name__ == "__main__":
    sys.exit(main())
