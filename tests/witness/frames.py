"""Vectors of floor 2 without keys: preambles, CRC mode, late bytes."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from .encoder import crc_frame, flipped, preamble, segment_crc
from .topic import Topic, Vector, invalid, topic, valid

REVISIONS = {"0": "2.0", "1": "2.1"}
ACK = (20, [pack("<Q", 5)])
WAIT = (16, [b""])
HEADER = bytes.fromhex("0100000000000000070000000000000002007f00010000000000000000000000000000000301000000")
MESSAGE = (17, [HEADER, b"", b"", b"abc"])
LATE_ABOUT = "The byte that comes last. msgr2.0: bit 0 withdraws the frame. msgr2.1: the low half is 0xe or 0x1."


def topics() -> list[Topic]:
    return [
        topic("preamble", "The 32 bytes that begin a frame: tag and lengths.", preambles()),
        topic(
            "frame-crc",
            "Whole frames in CRC mode. `limits`, if there, are the most bytes a segment may have.",
            frames(),
        ),
        topic("abort-crc", LATE_ABOUT, aborts()),
    ]


def frame(tag: int, segments: list[bytes], *, aborted: bool = False) -> dict[str, object]:
    """An aborted frame has no content for its receiver; `segments` are what its sender put on the wire."""
    return {"tag": tag, "segments": [segment.hex() for segment in segments], "aborted": aborted}


def patterns() -> Iterator[tuple[str, list[bytes]]]:
    """Each way in which four segments can be empty or not; the empty ones at the end are no segments."""
    for number in range(16):
        marks = f"{number:04b}"
        segments = [bytes([65 + i]) * (5 + 20 * i) if mark == "1" else b"" for i, mark in enumerate(marks)]
        while len(segments) > 1 and not segments[-1]:
            segments.pop()
        yield f"segments-{marks}", segments


def preambles() -> Iterator[Vector]:
    def good(ident: str, tag: int, *lengths: int, wire: bytes | None = None) -> Vector:
        flags = [] if wire is None else ["NotSent"]
        return valid(
            f"preamble-{ident}", "FRAME-2", wire or preamble(tag, lengths), *flags, tag=tag, lengths=list(lengths)
        )

    def bad(ident: str, rule: str, wire: bytes, error: str = "FrameError") -> Vector:
        return invalid(f"preamble-{ident}", rule, wire, error)

    for tag in (*range(1, 23), 0, 23, 192, 255):
        yield good(f"tag-{tag}", tag, 8)
    yield good("empty", 16, 0)
    yield good("middle-empty", 17, 41, 0, 0, 3)
    yield good("lengths-differ", 17, 41, 0x01020304, 7, 2**32 - 1)
    yield good("first-empty", 17, 0, 1)
    for align in (0, 1, 3, 4, 16, 4096, 65535):
        yield good(f"alignment-{align}", 20, 8, wire=preamble(20, [8], alignments=[align]))
    yield good("reserved-ff", 20, 8, wire=preamble(20, [8], reserved=0xFF))
    yield good("other-flags", 20, 8, wire=preamble(20, [8], flags=0xFE))
    yield good("slots-beyond", 20, 8, wire=preamble(20, [8, 9, 10, 11], count=1))
    whole = preamble(20, [8])
    for bit in (0, 8, 16, 100, 208, 216, 223):
        yield bad(f"bit-{bit}-flipped", "FRAME-3", flipped(whole, bit), "ChecksumError")
    yield bad("checksum-zero", "FRAME-3", whole[:28] + bytes(4), "ChecksumError")
    # The ordinary CRC32-C, inverted on the way in and out, is not the checksum of msgr2.
    yield bad(
        "checksum-inverted", "FRAME-3", whole[:28] + pack("<I", segment_crc(whole[:28]) ^ 0xFFFFFFFF), "ChecksumError"
    )
    yield bad("checksum-segment-seed", "FRAME-3", whole[:28] + pack("<I", segment_crc(whole[:28])), "ChecksumError")
    yield bad("checksum-big-endian", "FRAME-3", whole[:28] + whole[:27:-1], "ChecksumError")
    for count in (0, 5, 128, 255):
        yield bad(f"count-{count}", "FRAME-1", preamble(20, [8, 8, 8, 8], count=count))
    for count in (2, 3, 4):
        yield bad(f"last-of-{count}-empty", "FRAME-4", preamble(17, [*[41, 5, 5, 5][: count - 1], 0]))


def frames() -> Iterator[Vector]:
    ack = "140108000000080000000000000000000000000000000000000000007374bc5b0500000000000000"
    wait = "10010000000008000000000000000000000000000000000000000000c8e3aab0"
    message = "11042900000008000000000008000000000008000300000000100000b406f5b7" + HEADER.hex()
    published = {  # of the facts: bytes that real daemons sent or took
        "crc0-ack": ack + "003fb2f61b" + "00" * 12,
        "crc1-ack": ack + "3fb2f61b",
        "crc0-wait": wait + "00ffffffff" + "00" * 12,
        "crc1-wait": wait,
        "crc0-message-data": message + "616263" + "00e8ee2809ffffffffffffffff48c0b4c9",
        "crc1-message-data": message + "e8ee2809" + "616263" + "0effffffffffffffff48c0b4c9",
        "crc1-hello": "010124000000080000000000000000000000000000000000000000003fbd6b06"
        "010101011c0000000200000000000000100000000200bfec7f000001000000000000000076fee9bc",
    }
    for number, revision in REVISIONS.items():

        def good(ident: str, tag: int, segments: list[bytes], number: str = number, revision: str = revision) -> Vector:
            one = "FRAME-12" if revision == "2.1" and len(segments) == 1 else "FRAME-5"
            flags = ["NoEpilogue"] if one == "FRAME-12" else []
            wire = crc_frame(revision, tag, segments)
            ident = f"crc{number}-{ident}"
            assert published.get(ident, wire.hex()) == wire.hex()
            return valid(ident, one, wire, *flags, mode="crc", revision=revision, frame=frame(tag, segments))

        yield good("ack", *ACK)
        yield good("wait", *WAIT)
        yield good("message-data", *MESSAGE)
        hello = bytes.fromhex("010101011c0000000200000000000000100000000200bfec7f0000010000000000000000")
        yield good("hello", 1, [hello])
        yield good("unknown-tag", 200, [b"x"])
        yield good("header-only", 17, [HEADER])
        for ident, segments in patterns():
            yield good(ident, 17, segments)
        yield from not_sent(number, revision)
        yield from refused(number, revision)


def not_sent(number: str, revision: str) -> Iterator[Vector]:
    def good(ident: str, rule: str, wire: bytes, tag: int, segments: list[bytes]) -> Vector:
        means = frame(tag, segments)
        return valid(f"crc{number}-{ident}", rule, wire, "NotSent", mode="crc", revision=revision, frame=means)

    head = preamble(17, [41, 0, 0, 3], alignments=[1, 0, 3, 16], flags=0x80, reserved=0xFF)
    yield good("alignments-flags-reserved", "FRAME-2", crc_frame(revision, *MESSAGE, head=head), *MESSAGE)
    head = preamble(20, [8, 1, 2, 3], count=1)
    yield good("slots-beyond", "FRAME-2", crc_frame(revision, *ACK, head=head), *ACK)


def refused(number: str, revision: str) -> Iterator[Vector]:
    def bad(ident: str, rule: str, wire: bytes, error: str, *flags: str, limits: list[int] | None = None) -> Vector:
        more = {} if limits is None else {"limits": limits}
        return invalid(f"crc{number}-{ident}", rule, wire, error, *flags, mode="crc", revision=revision, **more)

    ack, message = crc_frame(revision, *ACK), crc_frame(revision, *MESSAGE)
    yield bad("preamble-bit", "FRAME-3", flipped(ack, 9), "ChecksumError", "BitFlip")
    yield bad("ack-payload-bit", "FRAME-5", flipped(ack, 32 * 8), "ChecksumError", "BitFlip")
    yield bad(
        "ack-checksum-bit", "FRAME-5", flipped(ack, (40 if number == "1" else 41) * 8), "ChecksumError", "BitFlip"
    )
    yield bad("message-header-bit", "FRAME-5", flipped(message, 40 * 8), "ChecksumError", "BitFlip")
    data = 32 + 41 + (4 if number == "1" else 0)
    yield bad("message-data-bit", "FRAME-5", flipped(message, data * 8 + 7), "ChecksumError", "BitFlip")
    yield bad("message-last-bit", "FRAME-5", flipped(message, len(message) * 8 - 1), "ChecksumError", "BitFlip")
    sums = [segment_crc(segment) ^ 0xFFFFFFFF for segment in MESSAGE[1]]
    yield bad("checksums-inverted", "FRAME-5", crc_frame(revision, *MESSAGE, sums=sums), "ChecksumError")
    # What Ceph 18 sends under `ms_crc_data = false`: only a receiver told not to look takes it.
    yield bad(
        "checksums-zero", "FRAME-5", crc_frame(revision, *MESSAGE, sums=[0] * 4), "ChecksumError", "NoDataChecksums"
    )
    empty = [segment_crc(segment) if segment else 0 for segment in MESSAGE[1]]
    yield bad("empty-segment-zero", "FRAME-5", crc_frame(revision, *MESSAGE, sums=empty), "ChecksumError")
    yield bad("no-segments", "FRAME-1", preamble(16, [0], count=0) + bytes(17), "FrameError")
    yield bad("five-segments", "FRAME-1", preamble(17, [1, 1, 1, 1], count=5) + bytes(21), "FrameError")
    yield bad("last-empty", "FRAME-4", preamble(17, [41, 0]) + bytes(62), "FrameError")
    for index in range(4):
        lengths = [8, 8, 8, 8][: index + 1]
        lengths[index] = 2**32 - 1
        huge = preamble(17, lengths)
        yield bad(f"four-gigabytes-{index}", "FRAME-9", huge, "FrameTooLarge", "HugeLength", limits=[65536] * 4)
    sign = preamble(1, [2**31])
    yield bad("sign-bit", "FRAME-9", sign, "FrameTooLarge", "HugeLength", limits=[65536] * 4)
    yield bad("one-too-many", "FRAME-9", preamble(20, [9]), "FrameTooLarge", limits=[8, 8, 8, 8])
    yield bad("nothing-allowed", "FRAME-9", preamble(17, [41, 1]), "FrameTooLarge", limits=[41, 0, 0, 0])


def aborts() -> Iterator[Vector]:
    for number, revision in REVISIONS.items():
        yield from late_bytes(number, revision)


def late_bytes(number: str, revision: str) -> Iterator[Vector]:
    rule = "FRAME-7" if revision == "2.0" else "FRAME-6"
    sent = {"2.0": (0, 1), "2.1": (0x0E, 0x01)}[revision]
    for late in (*range(16), 0x10, 0x1E, 0x21, 0x33, 0x5E, 0xE0, 0xE1, 0xEE, 0xFF):
        ident = f"crc{number}-late-{late:02x}"
        wire = crc_frame(revision, *MESSAGE, late=late)
        low = late & 1 if revision == "2.0" else late & 0x0F
        if low in sent:
            flags = [] if late in sent else ["NotSent"]
            means = frame(*MESSAGE, aborted=low == 1)
            yield valid(ident, rule, wire, *flags, mode="crc", revision=revision, frame=means)
        else:
            yield invalid(ident, rule, wire, "FrameError", "LateStatus", mode="crc", revision=revision)
    zeros = [HEADER, b"", b"", bytes(3)]
    means = frame(17, zeros, aborted=True)
    filled = crc_frame(revision, 17, zeros, late=1)
    yield valid(f"crc{number}-aborted-zero-filled", "FRAME-7", filled, mode="crc", revision=revision, frame=means)
    front = [HEADER, b"front"]
    wire = crc_frame(revision, 17, front, late=1)
    means = frame(17, front, aborted=True)
    yield valid(f"crc{number}-aborted-front", "FRAME-7", wire, mode="crc", revision=revision, frame=means)
    if revision == "2.0":
        wire, means = crc_frame(revision, *ACK, late=1), frame(*ACK, aborted=True)
        yield valid("crc0-aborted-one-segment", "FRAME-7", wire, mode="crc", revision=revision, frame=means)
