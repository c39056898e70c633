"""Dice and a clock that do as they are told."""

from __future__ import annotations

import pytest

from msgr import Runtime
from msgr.testing import FixedDice, HandClock


def test_dice_are_one_stream_however_they_are_read() -> None:
    whole = FixedDice(1)(300)
    dice = FixedDice(1)
    assert b"".join(dice(size) for size in (3, 0, 5, 64, 1, 127, 100)) == whole


def test_other_seeds_are_other_streams() -> None:
    assert len({FixedDice(seed)(32) for seed in (0, 1, 2, "0", "a", "b")}) == 6


def test_a_clock_moves_when_it_is_turned() -> None:
    clock = HandClock(5.0, 100.0)
    assert (clock.now, clock.monotonic(), clock.wall()) == (5.0, 5.0, 100.0)
    assert clock.turn(2.5) == 7.5
    assert (clock.monotonic(), clock.wall()) == (7.5, 102.5)


def test_the_time_of_day_may_be_set_back_and_the_other_may_not() -> None:
    clock = HandClock(5.0, 100.0)
    clock.set_wall(50.0)
    assert (clock.now, clock.wall()) == (5.0, 50.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.turn(-1)


def test_a_runtime_takes_both() -> None:
    clock = HandClock()
    runtime = Runtime(dice=FixedDice(), clock=clock.monotonic, wall=clock.wall)
    clock.turn(1)
    assert (runtime.clock(), runtime.wall()) == (1001.0, 1_700_000_001.0)
