"""Compression against its vectors: segments opened by each codec, frames by the decoder, in pieces too."""

from __future__ import annotations

import pytest

from msgr.errors import FrameError
from msgr.frame import Algorithm, FrameDecoder, Preamble
from msgr.vectors import Vector, check
from tests.frame.vectors import GENEROUS, admit_all, mode_of
from tests.vector_files import each, load, loaded


@each("compressed-segment", "compressed-frame")
def test_vector(vector: Vector) -> None:
    check(vector)


def test_without_an_agreement_each_is_refused() -> None:
    """FRAME-8, as soon as it is known."""
    for vector in load("compressed-frame"):
        if "Compressed" not in vector["flags"] or vector.rule == "FRAME-9":
            continue
        mode = mode_of(vector, sender=False)
        decoder = FrameDecoder(mode, GENEROUS, admit_all)
        early = (vector["mode"], vector["revision"]) != ("secure", "2.0")
        decoder.feed(vector.wire[: mode.head_size] if early else vector.wire)
        with pytest.raises(FrameError, match="FRAME-8"):
            decoder.next_frame()


def test_the_file_says_where_it_may_be_sent() -> None:
    assert "only where compression was agreed" in loaded()["compressed-frame"].about


def test_every_algorithm_is_shown_in_every_mode() -> None:
    shown = {(v["algorithm"], v["mode"], v["revision"]) for v in load("compressed-frame") if v["result"] == "valid"}
    assert len(shown) == len(Algorithm) * 4


def test_preamble_round_trip() -> None:
    preamble = Preamble(17, (41, 0, 3), compressed=True)
    assert Preamble.decode(preamble.encode()) == preamble
