"""The real cases keep the contract of `benchmarks.case`, and the committed figures are theirs."""

from functools import cache

import pytest

from benchmarks.case import PEERS
from benchmarks.measuring import ops, results
from medtutor.course.pages.benchmark_rows import MOST, read_file

NOT_NAMES_OF_PEERS = set(MOST)


@cache
def facts_of(op):
    """What a test asks of an operation's cases on the CPU, and the smallest of them."""
    facts, smallest = [], None
    for case in ops.cases_of(op, "cpu"):
        facts.append((case.op, case.case, case.bytes, set(case.peers), set(case.wanted)))
        smallest = case if smallest is None or case.bytes < smallest.bytes else smallest
    return facts, smallest


@cache
def committed():
    return {path: read_file(path) for path in sorted(results.FOLDER.glob("*.json"))}


@pytest.mark.parametrize("op", ops.operations())
def test_every_operation_has_cases_that_keep_the_contract(op):
    assert ops.has_cases(op), f"benchmarks/{op}.py is missing: see benchmarks/case.py"
    facts, smallest = facts_of(op)
    names = [name for _, name, *_ in facts]
    assert len(names) == len(set(names)), "two cases of one name"
    for of, name, moved, peers, wanted in facts:
        assert of == op and moved > 0 and isinstance(moved, int), name
        assert peers <= set(PEERS), name
        assert wanted <= peers | NOT_NAMES_OF_PEERS, f"{name}: a target for a peer it has not"
    smallest.ours()


@pytest.mark.parametrize("op", ops.operations())
def test_every_operation_was_measured(op):
    measured = {row.op for rows in committed().values() for row in rows}
    assert op in measured, f"no committed figures; medtutor bench {op} --peers"


def test_committed_rows_are_of_operations_and_cases_that_exist():
    for path, rows in committed().items():
        assert path == results.file_of(rows[0].device)
        unknown = {row.op for row in rows} - set(ops.operations())
        assert not unknown, f"{path.name}: rows of {unknown}, which there is no more"
        if "1 thread" not in rows[0].device:
            continue                                    # cases for a GPU are made on a GPU
        for row in rows:
            peers = {name: found for _, name, _, found, _ in facts_of(row.op)[0]}
            again = f"{path.name}: measure {row.op} again: {row.case!r}"
            assert row.case in peers, f"{again} is no case any more"
            assert row.peer is None or row.peer in peers[row.case], f"{again} lost {row.peer}"


def test_committed_figures_agree_with_each_other():
    for path, rows in committed().items():
        assert len({(row.op, row.case, row.peer) for row in rows}) == len(rows), path
        assert len({row.device for row in rows}) == 1, path
        for row in rows:
            assert row.times_floor == pytest.approx(row.ours_s / row.floor_s, rel=1e-3)
            assert row.gb_per_s == pytest.approx(row.bytes / row.ours_s / 1e9, rel=1e-3)
            assert row.ours_quartiles[0] <= row.ours_s <= row.ours_quartiles[1]
            if row.peer_s:
                assert row.ratio == pytest.approx(row.peer_s / row.ours_s, rel=1e-3)
