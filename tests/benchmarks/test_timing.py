"""Methods take turns; slow ones are called a few times, fast ones often."""

import pytest

from benchmarks.measuring.timing import Timed, cpu_stopwatch, in_turn


class Clock:
    """A stopwatch for calls that say how long they take, and the order in which they came."""

    def __init__(self):
        self.order = []

    def __call__(self, call, calls):
        name, seconds = call()
        self.order.append((name, calls))
        return seconds, 2 * seconds


def lasting(name, seconds):
    return lambda: (name, seconds)


def test_methods_take_turns():
    clock = Clock()
    timed = in_turn({"a": lasting("a", 0.1), "b": lasting("b", 0.1)}, clock, rounds=4)
    assert [name for name, _ in clock.order] == ["a", "b"] + ["a", "b"] * 4
    assert timed["a"].seconds == [0.1] * 4 and timed["a"].wall == [0.2] * 4
    assert timed["a"].median == 0.1 and timed["a"].quartiles == [0.1, 0.1]


def test_a_fast_method_is_repeated_until_the_clock_can_see_it():
    clock = Clock()
    timed = in_turn({"a": lasting("a", 1e-5)}, clock, rounds=3)
    assert timed["a"].calls == 2000                 # 2000 x 10 us = 20 ms
    assert clock.order == [("a", 1)] + [("a", 2000)] * 3


def test_a_gpu_moves_enough_bytes_a_measurement():
    timed = in_turn({"a": lasting("a", 0.1)}, Clock(), rounds=3, least_calls=7)
    assert timed["a"].calls == 7


def test_slow_methods_have_fewer_turns_spread_over_the_rounds():
    # 0.5 s a call: four of the fifteen rounds make 2 s, not at the beginning all together;
    # 1 s a call: once while its length is found out, twice more; 6 s a call: once more
    methods = {"fast": lasting("f", 0.05), "half": lasting("h", 0.5),
               "long": lasting("l", 1.0), "slow": lasting("S", 6.0)}
    clock = Clock()
    timed = in_turn(methods, clock, rounds=15)
    assert len(timed["fast"].seconds) == 15
    assert len(timed["half"].seconds) == 4 and len(timed["long"].seconds) == 3
    assert timed["slow"].seconds == [6.0, 6.0] and timed["slow"].quartiles == [6.0, 6.0]
    turns = "".join(name for name, _ in clock.order[4:])
    assert turns == "ffffhffffhlffffhfffhlS"


def test_quartiles_are_those_of_the_measurements():
    # of 1, 2, 3, 4, 5: a quarter lies below 2, three quarters below 4
    assert Timed(seconds=[5.0, 1.0, 4.0, 2.0, 3.0]).quartiles == [2.0, 4.0]


def test_the_stopwatch_counts_processor_time_and_not_waiting():
    import time

    busy, wall = cpu_stopwatch(lambda: time.sleep(0.05), 2)
    assert wall == pytest.approx(0.05, rel=0.9) and busy < wall / 2
