"""``python -m benchmarks``: our kernels beside their peers and beside a copy of the same bytes.

Methods are warmed, then measured in turn in one process, on one thread of the CPU or on the GPU.
Replaces the rows of the measured operations in benchmarks/results/<device>.json. Measure on an idle
machine; on a busy one times read high, and ratios are what can still be compared.
"""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Measure the chosen operations; 0 when all were measured and written, 1 when not."""
    from benchmarks.measuring import ops

    names = ops.operations()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("op", nargs="*", help=f"all without it, or of {', '.join(names)}")
    parser.add_argument("--peers", action="store_true", help="peers that are packages, too")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=15, help="measurements a method (default 15)")
    parser.add_argument("--quick", action="store_true", help="smallest case, 3 rounds; not written")
    parser.add_argument("--replace", action="store_true", help="drop rows of peers not measured")
    chosen = parser.parse_args(arguments)
    if chosen.rounds < 2:
        parser.error(f"--rounds wants at least 2, for a spread; given {chosen.rounds}")
    if unknown := [name for name in chosen.op if name not in names]:
        parser.error(f"wanted some of {', '.join(names)}; given {', '.join(unknown)}")

    # Before torch is imported: one thread, and no GPU beside a CPU that is measured, since a
    # process that has touched one cannot be copied, which memory is measured in.
    os.environ["OMP_NUM_THREADS"] = "1"
    if chosen.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda wants an NVIDIA GPU and a CUDA build of torch; there is none")
    torch.set_num_threads(1)
    from benchmarks.measuring.measure import Run

    rounds = 3 if chosen.quick else chosen.rounds
    run = Run(chosen.device, chosen.peers, rounds)
    wanted = list(dict.fromkeys(chosen.op)) or names
    done = [_measured(op, run, chosen.quick, chosen.replace) for op in wanted]
    _tell_left_out(run)
    return 0 if all(done) else 1


def _measured(op: str, run, quick: bool, replace: bool) -> bool:
    """Measure an operation's cases, print them, write their rows; whether all that went well."""
    import traceback

    from tqdm import tqdm

    from benchmarks.measuring import ops
    from benchmarks.measuring.measure import rows
    from benchmarks.measuring.results import WouldLose, write
    from benchmarks.measuring.table import lines_of

    if not ops.has_cases(op):
        print(f"{op}: no benchmarks/{op}.py", file=sys.stderr)
        return False
    measured: list[dict] = []
    offered: set[tuple[str, str, str]] = set()
    try:
        cases = ops.cases_of(op, run.device, quick)
        for case in tqdm(cases, desc=op, leave=False, unit="case", disable=None):
            own = rows(case, run)
            measured += own
            offered |= {(op, case.case, peer) for peer in case.peers}
            tqdm.write("\n".join([*lines_of(own), ""]))
    except Exception:
        print(f"{op}: not written, because a case failed", file=sys.stderr)
        traceback.print_exc()
        return False
    if quick:
        return True
    if not measured:
        print(f"{op}: has no case on {run.device}", file=sys.stderr)
        return True
    try:
        print(f"written: {write(measured, offered=offered, replace=replace)}\n", flush=True)
    except WouldLose as error:
        print(f"{op}: {error}\n", file=sys.stderr)
        return False
    return True


def _tell_left_out(run) -> None:
    """Say which peers were not measured, once for each reason."""
    together: dict[tuple[str, str], int] = {}
    for (_, _, name), why in run.left_out.items():
        together[name, why] = together.get((name, why), 0) + 1
    for (name, why), count in sorted(together.items()):
        print(f"not measured: {name}, {count} case{'s' * (count > 1)}: {why}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
