"""Vectors of compression: segments of each algorithm, and frames of them in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from . import compressors as by_hand
from .encoder import Sealer, crc_frame, preamble
from .frames import MESSAGE, REVISIONS, frame
from .secure import keyed
from .topic import Topic, Vector, invalid, topic, valid

WARNING = (
    "To be sent only where compression was agreed with this algorithm: some deployed daemons do not survive it else."
)
FORMAT = {
    "snappy": "COMPRESSION-7",
    "zlib": "COMPRESSION-8",
    "zstd": "COMPRESSION-9",
    "lz4": "COMPRESSION-10",
    "brotli": "COMPRESSION-11",
}
HEADER = pack("<QQHHHIHQBHH", 1, 0, 2, 196, 1, 0, 0, 1, 3, 0, 0)
RECORDED = {  # of the facts: what the C libraries make of this header, with the settings of Ceph
    "snappy": "290401003601000c0200c40011143001000000000000000300000000",
    "zlib": "00636440054c0c471818a16c18cd0c2200",
    "zstd": "2900000028b52ffd2029c500007801000200c400010001000300000000031000030f45c602",
    "lz4": "0100000029000000150000002a01000100440200c4001400040800500300000000",
    "brotli": "1b2800008471c0c2d9571b628a2ad24844a22658f7e906",
}
BROTLI_ZEROS = "9bffff7f002400e2b14072efff00"
"""8 MiB of zeros, as brotli writes them."""
ABC = b"abcdabcdabcdabcdabcd-end-"


def topics() -> list[Topic]:
    about = "One compressed segment, and what it holds; `limit`, if there, is the most that may come out. "
    return [
        topic(
            "compressed-segment", about + "What compressors choose is theirs: nobody has to write these.", segments()
        ),
        topic("compressed-frame", "Frames of compressed segments. " + WARNING, frames()),
    ]


def abc(algorithm: str) -> bytes:
    """`ABC`, compressed by hand."""
    return {
        "snappy": by_hand.snappy(
            25, by_hand.snappy_literal(b"abcd"), by_hand.snappy_copy(16, 4), by_hand.snappy_literal(b"-end-")
        ),
        "zlib": b"\0" + by_hand.deflate_stored(ABC[:9], ABC[9:]),
        "zstd": by_hand.zstd(25, by_hand.zstd_frame((0, 20, ABC[:20]), (0, 5, ABC[20:]), size=25)),
        "lz4": by_hand.lz4((25, by_hand.lz4_sequence(b"abcd", (16, 4)) + by_hand.lz4_sequence(b"-end-"))),
        "brotli": by_hand.brotli_stored(ABC),
    }[algorithm]


def stored(algorithm: str, data: bytes) -> bytes:
    """Up to 256 bytes, of which nothing is compressed."""
    return {
        "snappy": by_hand.snappy(len(data), by_hand.snappy_literal(data)),
        "zlib": b"\0" + by_hand.deflate_stored(data),
        "zstd": by_hand.zstd(len(data), by_hand.zstd_frame((0, len(data), data))),
        "lz4": by_hand.lz4((len(data), by_hand.lz4_sequence(data))),
        "brotli": by_hand.brotli_stored(data),
    }[algorithm]


def segments() -> Iterator[Vector]:
    for algorithm in FORMAT:
        for ident, plain, wire in (
            ("message-header", HEADER, bytes.fromhex(RECORDED[algorithm])),
            ("by-hand", ABC, abc(algorithm)),
            ("one-byte", b"x", stored(algorithm, b"x")),
            ("longer-than-plain", bytes(range(100)), stored(algorithm, bytes(range(100)))),
        ):
            yield good(ident, algorithm, plain, wire)
        yield good("just-within", algorithm, ABC, abc(algorithm), limit=len(ABC))
    yield from more_forms()
    yield from too_long()
    yield from damaged()


def good(ident: str, algorithm: str, plain: bytes, wire: bytes, limit: int | None = None) -> Vector:
    more = {} if limit is None else {"limit": limit}
    ident = f"{algorithm}-{ident}"
    return valid(ident, FORMAT[algorithm], wire, "NotSent", algorithm=algorithm, plain=plain.hex(), **more)


def more_forms() -> Iterator[Vector]:
    yield good("long-literal", "snappy", bytes(200), by_hand.snappy(200, by_hand.snappy_literal(bytes(200))))
    yield good("empty", "snappy", b"", b"\0")
    deflate = by_hand.deflate_stored(ABC)
    for marker in (1, 0x77, 0xFF):
        yield good(f"marker-{marker}", "zlib", ABC, bytes([marker]) + deflate)
    yield good("fixed-codes", "zlib", bytes(1 + 3 * 258), b"\0" + by_hand.deflate_run(3))
    whole = by_hand.zstd_frame((0, 25, ABC))
    for more in (1, 1000):
        yield good(f"{more}-less-than-announced", "zstd", ABC, by_hand.zstd(25 + more, whole), limit=25 + more)
    yield good("repeated", "zstd", b"z" * 5000, by_hand.zstd(5000, by_hand.zstd_frame((1, 5000, b"z"))))
    first, last = by_hand.lz4_sequence(b"abcd", (16, 4)), by_hand.lz4_sequence(b"-end-")
    whole = first + last
    back = by_hand.lz4_sequence(b"", (20, 25)) + by_hand.lz4_sequence(b"ab---")
    yield good("two-blocks-apart", "lz4", ABC + ABC, by_hand.lz4((25, whole), (25, whole)))
    yield good("two-blocks-dependent", "lz4", ABC + ABC[:20] + b"ab---", by_hand.lz4((25, whole), (25, back)))
    literals = bytes(range(30))
    longer = by_hand.lz4_sequence(literals, (8, 55)) + by_hand.lz4_sequence(b"-last")
    means = ABC + literals + ABC[:8] + b"-last"
    yield good("two-blocks-literals-first", "lz4", means, by_hand.lz4((25, whole), (43, longer)))
    run = by_hand.lz4_sequence(b"0", (70_000, 1)) + by_hand.lz4_sequence(b"zeros")
    far = by_hand.lz4_sequence(bytes(600), (300, 65_535)) + by_hand.lz4_sequence(b"-last")
    means = b"0" * 70_001 + b"zeros" + bytes(600) + b"0" * 300 + b"-last"
    yield good("window", "lz4", means, by_hand.lz4((70_006, run), (905, far)))
    yield good("no-blocks", "lz4", b"", by_hand.lz4())


def too_long() -> Iterator[Vector]:
    def bad(ident: str, algorithm: str, wire: bytes, limit: int) -> Vector:
        more = {"algorithm": algorithm, "limit": limit}
        return invalid(f"{algorithm}-{ident}", "COMPRESSION-5", wire, "FrameTooLarge", "Bomb", **more)

    for algorithm in FORMAT:
        yield bad("one-too-many", algorithm, abc(algorithm), len(ABC) - 1)
        yield bad("nothing-allowed", algorithm, abc(algorithm), 0)
    yield bad("announces-four-gigabytes", "snappy", by_hand.snappy(2**32 - 1, by_hand.snappy_literal(b"x")), 1 << 20)
    yield bad("bomb", "zlib", b"\0" + by_hand.deflate_run(300), 1 << 16)
    blocks = [(1, 1 << 17, b"\0")] * 64
    yield bad("bomb", "zstd", by_hand.zstd(1 << 23, by_hand.zstd_frame(*blocks)), 1 << 20)
    yield bad("announces-four-gigabytes", "zstd", by_hand.zstd(2**32 - 1, by_hand.zstd_frame((0, 1, b"x"))), 1 << 20)
    run = by_hand.lz4_sequence(b"0", (1 << 21, 1)) + by_hand.lz4_sequence(b"zeros")
    yield bad("bomb", "lz4", by_hand.lz4(((1 << 21) + 6, run)), 1 << 20)
    small = by_hand.lz4_sequence(b"x")
    yield bad("sum-of-blocks", "lz4", by_hand.lz4((2**31, small), (2**31, small)), 1 << 20)
    yield bad("blocks", "lz4", by_hand.lz4(*[(1, small)] * 257), 1 << 20)
    yield bad("four-billion-blocks", "lz4", by_hand.lz4((1, small), count=2**32 - 1), 1 << 20)
    yield bad("bomb", "brotli", bytes.fromhex(BROTLI_ZEROS), 1 << 20)


def damaged() -> Iterator[Vector]:
    def bad(ident: str, algorithm: str, wire: bytes, limit: int = 1 << 20) -> Vector:
        more = {"algorithm": algorithm, "limit": limit}
        return invalid(f"{algorithm}-{ident}", "COMPRESSION-6", wire, "FrameError", **more)

    for algorithm in FORMAT:
        yield bad("cut", algorithm, abc(algorithm)[:-1])
        yield bad("cut-short", algorithm, abc(algorithm)[: len(abc(algorithm)) // 2])
        yield bad("garbage", algorithm, b"\xff" * 3)
    literal = by_hand.snappy_literal(b"x" * 50)
    yield bad("lies-low", "snappy", by_hand.snappy(10, literal))
    yield bad("lies-high", "snappy", by_hand.snappy(51, literal))
    yield bad("before-the-beginning", "snappy", by_hand.snappy(8, by_hand.snappy_literal(b"abcd"), b"\x0e\x05\x00"))
    yield bad("header", "zlib", b"\0\x78\x9c" + by_hand.deflate_stored(ABC))  # raw means without
    yield bad("marker-only", "zlib", b"\0")
    frame = by_hand.zstd_frame((1, 1 << 17, b"\0"))
    yield bad("lies-low", "zstd", by_hand.zstd(64, frame))
    yield bad("bomb-lies-low", "zstd", by_hand.zstd(64, by_hand.zstd_frame(*[(1, 1 << 17, b"\0")] * 64)), 1 << 10)
    yield bad("no-frame", "zstd", by_hand.zstd(5, b"plain"))
    yield bad("three-bytes", "zstd", b"\1\0\0")
    run = by_hand.lz4_sequence(b"0", (1 << 21, 1)) + by_hand.lz4_sequence(b"zeros")
    yield bad("bomb-lies-low", "lz4", by_hand.lz4((64, run)), 1 << 10)
    small, back = by_hand.lz4_sequence(b"-----"), by_hand.lz4_sequence(b"", (20, 25)) + by_hand.lz4_sequence(b"ab---")
    yield bad("lies-high", "lz4", by_hand.lz4((6, small)))
    yield bad("lies-low", "lz4", by_hand.lz4((4, small)))
    yield bad("before-the-beginning", "lz4", by_hand.lz4((25, back)))
    yield bad("before-the-first-block", "lz4", by_hand.lz4((5, small), (25, back)))
    yield bad("second-lies-high", "lz4", by_hand.lz4((5, small), (6, small)))
    yield bad("second-empty", "lz4", by_hand.lz4((5, small), (0, b"")))
    yield bad("second-endless-literals", "lz4", by_hand.lz4((5, small), (50, b"\xff" * 20)))
    yield bad("bytes-left", "lz4", by_hand.lz4((5, small)) + b"x")
    yield bad("pairs-cut", "lz4", by_hand.lz4((5, small), count=9))


def frames() -> Iterator[Vector]:
    front, data = bytes(range(100)), ABC
    for algorithm in FORMAT:
        header = (HEADER, bytes.fromhex(RECORDED[algorithm]))
        short = (pack("<Q", 5), stored(algorithm, pack("<Q", 5)))
        said: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
            "message": (17, [header, (front, stored(algorithm, front)), (b"", b""), (data, abc(algorithm))]),
            "header-only": (17, [header]),
            "ack": (20, [short]),
        }
        for ident, (tag, pairs) in said.items():
            plain, packed = [list(side) for side in zip(*pairs, strict=True)]
            for mode in ("crc", "secure"):
                for number, revision in REVISIONS.items():
                    wire = compressed(mode, revision, tag, packed)
                    more = {"algorithm": algorithm, **end(mode, revision), "frame": frame(tag, plain)}
                    name = f"{algorithm}-{mode}{number}-{ident}"
                    yield valid(name, "COMPRESSION-4", wire, "Compressed", "NotSent", **more)
        yield from refused(algorithm)
    for number, revision in REVISIONS.items():
        more = {"algorithm": "zstd", **end("crc", revision), "frame": frame(*MESSAGE)}
        yield valid(f"zstd-crc{number}-not-compressed", "COMPRESSION-4", crc_frame(revision, *MESSAGE), **more)


def refused(algorithm: str) -> Iterator[Vector]:
    for mode, number in (("crc", "0"), ("crc", "1"), ("secure", "0"), ("secure", "1")):
        revision = REVISIONS[number]

        def bad(
            ident: str,
            rule: str,
            error: str,
            packed: list[bytes],
            limits: list[int],
            mode: str = mode,
            number: str = number,
            revision: str = revision,
        ) -> Vector:
            more = {"algorithm": algorithm, **end(mode, revision), "limits": limits}
            wire = compressed(mode, revision, 17, packed)
            return invalid(f"{algorithm}-{mode}{number}-{ident}", rule, wire, error, "Compressed", **more)

        header = bytes.fromhex(RECORDED[algorithm])
        few = [64, 24, 24, 24]
        yield bad("too-long", "COMPRESSION-5", "FrameTooLarge", [header, b"", b"", abc(algorithm)], few)
        yield bad("damaged", "COMPRESSION-6", "FrameError", [header, b"\xff\xff\xff"], few)
        yield bad("first-too-long", "COMPRESSION-5", "FrameTooLarge", [header], [40, 24, 24, 24])
        yield bad("announced-too-long", "FRAME-9", "FrameTooLarge", [header, bytes(200)], few)


def end(mode: str, revision: str) -> dict[str, object]:
    return keyed(revision, True) if mode == "secure" else {"mode": mode, "revision": revision}


def compressed(mode: str, revision: str, tag: int, packed: list[bytes]) -> bytes:
    head = preamble(tag, [len(segment) for segment in packed], flags=1)
    if mode == "secure":
        return Sealer(revision).frame(tag, packed, head=head)
    return crc_frame(revision, tag, packed, head=head)
