"""``python -m benchmarks``: our methods beside their peers on this machine, one thread.

Writes benchmarks/results/<device>.json and prints a table. Takes a minute or two; others using
the machine make times longer, and ratios less so, because the methods take turns.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen cases; 0 when the results are written."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help="cases whose name holds this text; not written")
    parser.add_argument("--rounds", type=int, default=15, help="measurements a method (default 15)")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 2:
        parser.error(f"--rounds wants at least 2, for a spread; given {chosen.rounds}")

    import torch
    from tqdm import tqdm

    from benchmarks import losses, timing, warps

    torch.set_num_threads(1)
    results = []
    cases = [case for part in (losses, warps) for case in part.cases() if chosen.only in case[0]]
    if not cases:
        parser.error(f"--only {chosen.only!r} leaves no case")
    for op, case, ours, peers in tqdm(cases, desc="cases", leave=False):
        results += timing.rows(op, case, ours, peers, chosen.rounds)
    print(f"{timing.device_name()}; milliseconds of processor time, medians; ratio = peer / ours")
    for row in results:
        print(
            f"{row['op']:19} {1e3 * row['ours_s']:8.2f}  {row['peer']:23} "
            f"{1e3 * row['peer_s']:8.2f}  ratio {row['ratio']:5.2f}  {row['case']}"
        )
    if not chosen.only:
        print(f"written: {timing.write(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
