"""Compression of frames: which, how, and what is refused of what comes in."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from hashlib import shake_128
from typing import Final

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, FrameError, FrameTooLarge, PeerError, UnexpectedFrame
from msgr.frame import (
    Algorithm,
    Frame,
    FrameCompressor,
    FrameDecoder,
    FrameLimits,
    Preamble,
    Revision,
    Tag,
    codec_of,
    codecs,
    tag_name,
)
from msgr.frame.compression import Damaged, Incompressible, TooLong
from tests.frame.strategies import MODE_IDS, MODES, cut, frames, mode_pair
from tests.frame.vectors import GENEROUS, admit_all, take_all
from tests.witness import compressors as by_hand
from tests.witness.compressed import BROTLI_ZEROS

EVERY: Final = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.name.lower())
EVERY_MODE: Final = pytest.mark.parametrize(("name", "revision"), MODES, ids=MODE_IDS)
MESSAGE: Final = Frame(Tag.MESSAGE, (b"h" * 41, b"front" * 50, b"", b"data" * 100))


def packed(frame: Frame, algorithm: Algorithm = Algorithm.ZSTD, minimum: int = 0) -> Frame:
    return FrameCompressor(algorithm, minimum).pack(frame)


class TestWhatIsCompressed:
    @EVERY
    def test_from_the_minimum_on_and_each_segment_on_its_own(self, algorithm: Algorithm) -> None:
        assert MESSAGE.size == 691
        assert packed(MESSAGE, algorithm, minimum=692) is MESSAGE
        out = packed(MESSAGE, algorithm, minimum=691)
        assert out.compressed
        assert out.tag == MESSAGE.tag
        codec = codec_of(algorithm)
        assert (
            tuple(codec.decompress(segment, 1000) if segment else b"" for segment in out.segments) == MESSAGE.segments
        )

    @EVERY
    def test_what_gets_longer_is_compressed_all_the_same(self, algorithm: Algorithm) -> None:
        out = packed(Frame(Tag.ACK, (b"12345678",)), algorithm)
        assert out.compressed
        assert len(out.segments[0]) > 8

    @EVERY
    def test_an_empty_segment_stays_empty(self, algorithm: Algorithm) -> None:
        out = packed(Frame(Tag.WAIT, (b"",)), algorithm)
        assert out == Frame(Tag.WAIT, (b"",), compressed=True)
        assert FrameCompressor(algorithm, 0).unpack(out, GENEROUS) == Frame(Tag.WAIT, (b"",))

    def test_a_frame_that_an_algorithm_cannot_take_goes_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(codecs, "_SNAPPY_END", 400)
        assert packed(MESSAGE, Algorithm.SNAPPY) is MESSAGE
        assert packed(Frame(Tag.MESSAGE, (b"h" * 399,)), Algorithm.SNAPPY).compressed

    def test_lz4_does_not_take_more_than_its_format_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> bytes:  # what it says of 2 GiB, which would take long
            raise cramjam.CompressionError("Compression input too long.")

        monkeypatch.setattr(cramjam.lz4, "compress_block", refuse)
        with pytest.raises(Incompressible):
            codec_of(Algorithm.LZ4).compress(b"2 GiB")

    def test_an_aborted_frame_stays_aborted(self) -> None:
        out = packed(Frame(Tag.MESSAGE, MESSAGE.segments, aborted=True))
        assert out.aborted
        assert out.compressed

    def test_a_plain_frame_is_passed_through(self) -> None:
        assert FrameCompressor(Algorithm.ZSTD, 0).unpack(MESSAGE, GENEROUS) is MESSAGE

    @EVERY
    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_a_segment_is_any_run_of_bytes(self, algorithm: Algorithm, kind: type) -> None:
        out = packed(Frame(Tag.MESSAGE, (kind(b"h" * 41),)), algorithm)
        assert FrameCompressor(algorithm, 0).unpack(out, GENEROUS) == Frame(Tag.MESSAGE, (b"h" * 41,))


class TestOnTheWire:
    @EVERY
    @EVERY_MODE
    @given(said=st.lists(frames, max_size=4), minimum=st.sampled_from([0, 50, 1000]), places=st.lists(st.integers(0)))
    def test_what_was_meant_arrives(
        self, algorithm: Algorithm, name: str, revision: Revision, said: list[Frame], minimum: int, places: list[int]
    ) -> None:
        sender, receiver = mode_pair(name, revision)
        compressor = FrameCompressor(algorithm, minimum)
        decoder = FrameDecoder(receiver, GENEROUS, admit_all)
        decoder.compressor = FrameCompressor(algorithm, 1 << 30)  # what one end sends says nothing of the other
        wire = b"".join(bytes(piece) for frame in said for piece in sender.seal(compressor.pack(frame)))
        heard = []
        for piece in cut(wire, places):
            decoder.feed(piece)
            heard += take_all(decoder)
        assert heard == said

    @EVERY_MODE
    def test_an_aborted_frame_is_dropped_unopened(self, name: str, revision: Revision) -> None:
        sender, receiver = mode_pair(name, revision)
        decoder = FrameDecoder(receiver, GENEROUS, admit_all)
        decoder.compressor = FrameCompressor(Algorithm.ZSTD, 0)
        decoder.feed(b"".join(sender.seal(Frame(17, (b"h" * 41, b"no zstd"), aborted=True, compressed=True))))
        assert decoder.next_frame() == Frame(17, (), aborted=True)

    @EVERY_MODE
    def test_admit_sees_what_came_and_what_it_turned_out_to_be(self, name: str, revision: Revision) -> None:
        sender, receiver = mode_pair(name, revision)
        seen: list[Preamble] = []
        decoder = FrameDecoder(receiver, GENEROUS, seen.append)
        decoder.compressor = FrameCompressor(Algorithm.SNAPPY, 0)
        out = packed(MESSAGE, Algorithm.SNAPPY)
        decoder.feed(b"".join(sender.seal(out)))
        assert decoder.next_frame() == MESSAGE
        lengths = tuple(map(len, out.segments))
        assert seen == [Preamble(17, lengths, compressed=True), Preamble(17, (41, 250, 0, 400))]

    def test_what_admit_refuses_of_the_second_is_not_delivered(self) -> None:
        def admit(preamble: Preamble) -> None:
            if not preamble.compressed:
                raise UnexpectedFrame(got=tag_name(preamble.tag), allowed=(), state="Test")

        sender, receiver = mode_pair(*MODES[0])
        decoder = FrameDecoder(receiver, GENEROUS, admit)
        decoder.compressor = FrameCompressor(Algorithm.SNAPPY, 0)
        decoder.feed(b"".join(sender.seal(packed(MESSAGE, Algorithm.SNAPPY))))
        with pytest.raises(UnexpectedFrame):
            decoder.next_frame()

    @EVERY
    def test_a_segment_at_the_limit_may_get_longer(self, algorithm: Algorithm) -> None:
        """Nobody can tell before whether bytes get less: what may be sent must not be refused for its announcement."""
        incompressible = Frame(Tag.ACK, (shake_128(b"incompressible").digest(2000),))
        sender, receiver = mode_pair(*MODES[0])
        decoder = FrameDecoder(receiver, FrameLimits((2000, 0, 0, 0)), admit_all)
        decoder.compressor = FrameCompressor(algorithm, 0)
        out = packed(incompressible, algorithm)
        assert len(out.segments[0]) > 2000
        decoder.feed(b"".join(sender.seal(out)))
        assert decoder.next_frame() == incompressible

    def test_the_announcement_is_bounded_all_the_same(self) -> None:
        limits = FrameLimits((600, 0, 6, 0))
        limits.check(Preamble(17, (600 + 100 + 64, 0, 6 + 1 + 64), compressed=True))
        for lengths in ((765,), (1, 1), (1, 0, 72), (1, 0, 0, 1), (2**32 - 1,)):
            with pytest.raises(FrameTooLarge, match="FRAME-9"):
                limits.check(Preamble(17, lengths, compressed=True))


BOMBS: Final = {
    Algorithm.SNAPPY: by_hand.snappy(200 << 20, b"\0\0" + by_hand.snappy_copy(64, 1) * 300_000),
    Algorithm.ZLIB: b"\0" + by_hand.deflate_run(400_000),
    Algorithm.ZSTD: by_hand.zstd(64 << 20, by_hand.zstd_frame(*[(1, 1 << 17, b"\0")] * 4096)),
    Algorithm.LZ4: by_hand.lz4((64 << 20, by_hand.lz4_sequence(b"0", (200 << 20, 1)) + by_hand.lz4_sequence(b"zeros"))),
    Algorithm.BROTLI: bytes.fromhex(BROTLI_ZEROS),
}
"""What goes on for 8 MiB to 500 MiB. Those of snappy, zstd and lz4 say how long they are, or less."""

CHILD: Final = """
import resource, sys
from msgr.errors import PeerError
from msgr.frame import Algorithm, Frame, FrameCompressor, FrameLimits
algorithm, limit = Algorithm(int(sys.argv[1])), int(sys.argv[2])
bomb = sys.stdin.buffer.read()
compressor = FrameCompressor(algorithm, 0)
compressor.unpack(compressor.pack(Frame(20, (b"warm" * 5000,))), FrameLimits((20000, 0, 0, 0)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    compressor.unpack(Frame(20, (bomb,), compressed=True), FrameLimits((limit, 0, 0, 0)))
except PeerError as error:
    print(error.rule, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class TestBombs:
    @EVERY
    def test_it_is_refused_within_the_limit(self, algorithm: Algorithm) -> None:
        """COMPRESSION-5, seen from outside: the process grows by a few times the limit, not by what is in the bomb."""
        limit = 1 << 20
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(algorithm.value), str(limit)],
            input=BOMBS[algorithm],
            capture_output=True,
            check=True,
            timeout=60,
        )
        rule, kilobytes = done.stdout.split()
        assert rule == b"COMPRESSION-5"
        assert int(kilobytes) << 10 < 4 * limit

    @pytest.mark.parametrize(
        ("algorithm", "lie"),
        [
            (Algorithm.SNAPPY, by_hand.snappy(1 << 20, b"\0\0" + by_hand.snappy_copy(64, 1) * 300_000)),
            (Algorithm.ZSTD, by_hand.zstd(1 << 20, by_hand.zstd_frame(*[(1, 1 << 17, b"\0")] * 4096))),
            (
                Algorithm.LZ4,
                by_hand.lz4((1 << 20, by_hand.lz4_sequence(b"0", (200 << 20, 1)) + by_hand.lz4_sequence(b"zeros"))),
            ),
        ],
        ids=["snappy", "zstd", "lz4"],
    )
    def test_one_that_says_less_than_it_holds(self, algorithm: Algorithm, lie: bytes) -> None:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(algorithm.value), str(1 << 20)],
            input=lie,
            capture_output=True,
            check=True,
            timeout=60,
        )
        rule, kilobytes = done.stdout.split()
        assert rule == b"COMPRESSION-6"
        assert int(kilobytes) < 4096

    @EVERY
    def test_nothing_is_allocated_for_a_number(self, algorithm: Algorithm) -> None:
        """Whatever a segment of a few bytes announces, beyond the limit, costs nothing."""
        heads = [by_hand.varint(2**32 - 1), b"\0" * 4 + b"\xff" * 12, b"\xff" * 16, b"\1\0\0\0" + b"\xff" * 8]
        codec = codec_of(algorithm)
        tracemalloc.start()
        try:
            for head in heads:
                with pytest.raises((TooLong, Damaged)):
                    codec.decompress(head + b"rest", 1 << 16)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    @EVERY
    @given(noise=st.binary(max_size=200), start=st.sampled_from([b"", b"\1\0\0\0", b"\x28\0\0\0\x28\xb5\x2f\xfd"]))
    def test_noise_is_refused_or_small(self, algorithm: Algorithm, noise: bytes, start: bytes) -> None:
        frame, rule = Frame(20, (start + noise,), compressed=True), ""
        try:
            plain = FrameCompressor(algorithm, 0).unpack(frame, FrameLimits((500, 0, 0, 0)))
        except PeerError as error:
            plain, rule = Frame(20, ()), error.rule
        assert rule in ("", "COMPRESSION-5", "COMPRESSION-6")
        assert plain.size <= 500

    def test_an_error_names_frame_segment_and_algorithm(self) -> None:
        compressor = FrameCompressor(Algorithm.LZ4, 0)
        frame = Frame(17, (b"", b"junk"), compressed=True)
        with pytest.raises(FrameError, match="MESSAGE segment 1, lz4: it has 1802401130 blocks, 256 are allowed"):
            compressor.unpack(frame, GENEROUS)


class TestBrotli:
    @given(size=st.sampled_from([0, 1, 65_535, 65_536, 65_537, 600_000, 700_000]))
    def test_what_holds_more_than_was_guessed(self, size: int) -> None:
        codec = codec_of(Algorithm.BROTLI)
        wire = codec.compress(bytes(size))
        assert codec.decompress(wire, 700_000) == bytes(size)
        assert codec.decompress(wire, size) == bytes(size)


class TestLz4:
    @given(st.lists(st.binary(max_size=400), min_size=1, max_size=5), st.integers(0, 400), st.integers(4, 600))
    def test_blocks_refer_to_those_before(self, literals: list[bytes], back: int, length: int) -> None:
        """Against a plain reading of the format, in which no match begins in the last twelve bytes of a block."""
        blocks, means = [], b"first"
        blocks.append((5, by_hand.lz4_sequence(b"first")))
        for literal in literals:
            offset = min(back, len(means) + len(literal) - 1) + 1
            block = by_hand.lz4_sequence(literal, (length, offset)) + by_hand.lz4_sequence(b"twelve-last-")
            before = len(means)
            means += literal
            for _ in range(length):
                means += means[-offset : len(means) - offset + 1]
            means += b"twelve-last-"
            blocks.append((len(means) - before, block))
        assert codec_of(Algorithm.LZ4).decompress(by_hand.lz4(*blocks), 1 << 20) == means


def test_without_the_extra_all_works_but_compression() -> None:
    script = """
import sys
sys.modules["cramjam"] = None
import msgr
from msgr.frame import Algorithm, FrameCompressor, codec_of
for algorithm in Algorithm:
    try:
        msgr.Compression(algorithms=(algorithm,))
    except msgr.errors.ConfigError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=60)
    said = done.stdout.splitlines()
    assert said == ["compression needs the extra of that name: pip install 'msgr[compression]'"] * len(Algorithm)


def test_without_the_extra_there_is_no_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgr.frame.codecs", None)
    monkeypatch.delattr("msgr.frame.codecs")
    with pytest.raises(ConfigError, match=r"msgr\[compression\]"):
        codec_of(Algorithm.ZLIB)
