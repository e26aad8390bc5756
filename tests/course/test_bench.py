"""``medtutor bench``: finds the benchmarks and the operations, hands on what is asked and told."""

import subprocess
import sys

import pytest

from medtutor.course import cli
from medtutor.course.bench import NoBenchmarks, completed, operations, run_benchmarks

PROGRAM = "import sys; print('given', *sys.argv[1:], flush=True); sys.exit(3)\n"


@pytest.fixture
def checkout(tiny):
    """A checkout with two operations and benchmarks that tell what they were given."""
    for op in ("warp", "random_walker", "rbf_distance"):
        (tiny.root / "medtutor/kernels" / op).mkdir(parents=True)
        (tiny.root / "medtutor/kernels" / op / "__init__.py").write_text("raise SystemExit")
    (tiny.root / "benchmarks").mkdir()
    (tiny.root / "benchmarks/__main__.py").write_text(PROGRAM)
    return tiny.root


@pytest.fixture
def bench(monkeypatch, capfd):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["medtutor", "bench", *words])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_hands_on_words_and_exit_code(checkout, bench):
    code, out, err = bench("warp", "rand", "--peers", "--device", "cuda", "--rounds", "7")
    assert (code, err) == (3, "")
    assert out == "given warp random_walker --device cuda --rounds 7 --peers\n"
    assert bench()[1] == "given --device cpu --rounds 15\n"
    assert bench("--quick", "--replace")[1].endswith("--quick --replace\n")


def test_names_are_completed(checkout):
    names = operations(checkout)
    assert names == ["random_walker", "rbf_distance", "warp"]
    assert completed("w", names) == "warp"
    assert completed("warp", [*names, "warp_grid"]) == "warp"
    with pytest.raises(NoBenchmarks, match="given 'r', which could be random_walker or rbf_dis"):
        completed("r", names)
    with pytest.raises(NoBenchmarks, match="wanted one of random_walker, rbf_distance, warp"):
        completed("overlap", names)


def test_wrong_use_is_two(checkout, bench):
    for words, message in {
        ("overlap",): "given 'overlap'",
        ("--device", "tpu"): "Invalid value for '--device'",
        ("--rounds", "1"): "Invalid value for '--rounds'",
    }.items():
        code, out, err = bench(*words)
        assert code == 2 and message in err and out == "", words


def test_outside_a_checkout(tiny, bench):
    code, out, err = bench()
    assert code == 2 and "wanted a checkout of medtutor with benchmarks/" in err


def test_an_interrupt_is_passed_on(checkout, monkeypatch):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    assert run_benchmarks([], []) == 130
