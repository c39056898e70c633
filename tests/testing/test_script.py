"""The fate of bytes follows from a seed and their offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError
from msgr.testing import Chaos, Cut, Delay, Merge, Piece, Script, Split

WILD = Chaos(split_every=20, merge_every=40, delay_every=60, corrupt_every=50, cut_every=2000)
DATA = bytes(range(256)) * 4

Told = list[tuple[int, object]]


def tell(script: Script, *pieces: bytes) -> tuple[bytes, Told]:
    """Return the bytes that come out, and what else happens at which offset."""
    out, told = bytearray(), Told()
    for piece in pieces:
        for step in script.feed(piece):
            if isinstance(step, Piece):
                out += step.data
            else:
                told.append((len(out), step))
    return bytes(out), told


@given(st.integers(0, 1000), st.lists(st.integers(0, len(DATA)), max_size=20))
def test_it_does_not_matter_how_the_bytes_arrive(seed: int, places: list[int]) -> None:
    chaos = Chaos(split_every=20, merge_every=40, delay_every=60, corrupt_every=50, cut_every=2000, seed=seed)
    bounds = [0, *sorted(places), len(DATA)]
    pieces = [DATA[start:end] for start, end in pairwise(bounds)]
    whole, apart = Script(chaos), Script(chaos)
    # A deed at the very end of what has arrived waits for the next byte, in both.
    assert tell(whole, DATA, b"x") == tell(apart, *pieces, b"x")
    assert whole.corruptions == apart.corruptions


def test_everything_happens() -> None:
    _, told = tell(Script(WILD), DATA * 10)
    kinds = {type(step) for _, step in told}
    assert kinds == {Split, Merge, Delay, Cut}
    assert isinstance(told[-1][1], Cut)


def test_no_chaos_is_none() -> None:
    assert tell(Script(Chaos()), DATA, DATA) == (DATA * 2, [])


def test_nothing_follows_a_cut() -> None:
    script = Script(Chaos(cut_every=100))
    out, told = tell(script, DATA * 10)
    assert script.over
    assert DATA.startswith(out[: len(DATA)])
    assert len(told) == 1
    assert tell(script, DATA) == (b"", [])


def test_corrupted_bytes_are_changed_and_counted() -> None:
    script = Script(Chaos(corrupt_every=100))
    out, told = tell(script, DATA)
    assert told == []
    assert sum(before != after for before, after in zip(DATA, out, strict=True)) == script.corruptions > 3


def test_connections_and_ways_have_fates_of_their_own() -> None:
    chaos = Chaos(cut_every=500)
    lengths = {len(tell(Script(chaos, connection=n, way=way), DATA * 50)[0]) for n in range(5) for way in (0, 1)}
    assert len(lengths) == 10


def test_some_are_cut_early_in_one_way_alone() -> None:
    early = 0
    for number in range(200):
        cut = [Script(Chaos(cut_early=0.3), connection=number, way=way) for way in (0, 1)]
        ends = [any(isinstance(step, Cut) for step in script.feed(bytes(4096))) for script in cut]
        assert ends != [True, True]
        early += any(ends)
    assert 40 < early < 80


def test_the_share_of_resets() -> None:
    for share, wanted in ((0.0, {Cut(reset=False)}), (1.0, {Cut(reset=True)})):
        chaos = Chaos(cut_every=10, reset_share=share)
        assert {tell(Script(chaos, connection=n), DATA)[1][-1][1] for n in range(20)} == wanted


@pytest.mark.parametrize("field", ["cuts_per_second", "cut_every", "cut_early", "longest_delay", "corrupt_every"])
def test_a_negative_number_is_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        Chaos(**{field: -1})


def test_a_share_is_at_most_one() -> None:
    with pytest.raises(ConfigError, match="cut_early"):
        Chaos(cut_early=1.5)
