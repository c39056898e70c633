"""Vectors of floor 2 with keys: secure mode, streams of frames, nonces, connection secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import pack
from typing import Any

from .encoder import SECRET, Sealer, flipped, next_nonce, preamble
from .frames import ACK, HEADER, LATE_ABOUT, MESSAGE, REVISIONS, WAIT, frame, patterns
from .topic import Topic, Vector, invalid, topic, valid

LENGTHS = (0, 1, 15, 16, 47, 48, 49, 63, 64, 65, 1000)
FILLED = bytes(i * 7 & 0xFF for i in range(1000))
NEAR = {"2.0": pack("<I", 2**32 - 2) + b"fixed of", "2.1": b"fixd" + pack("<Q", 2**64 - 2)}


def topics() -> list[Topic]:
    about = "`secret` is the connection secret, `dialled` tells whether the sender dialled; "
    return [
        topic("frame-secure", "Whole frames in secure mode, each the first of its connection. " + about, frames()),
        topic("abort-secure", f"{LATE_ABOUT} {about}", aborts()),
        topic("stream-secure", "Frames in a row; `delivered` is how many come before the error. " + about, streams()),
        topic("nonce", "The nonces of one direction, in order, from the initial one; `wire` has them all.", nonces()),
        topic("secret", "What is cut from a connection secret, which is `wire`.", secrets()),
    ]


def keyed(revision: str, dialled: bool, secret: bytes = SECRET) -> dict[str, Any]:
    return {"mode": "secure", "revision": revision, "secret": secret.hex(), "dialled": dialled}


def frames() -> Iterator[Vector]:
    # The first 64 bytes of both are one: same key, same nonce, same plaintext.
    same = "4de816477793cc7cbb381480b30cc69431dabdf879b50b483d403cfdc066ed43"
    same += "43c636fdd34ff7965036a3b4f02908ecd7f8cc4f2688a28ab01f761aeee6fdba"
    published = {  # of the facts: the first encrypted frame of a client
        "secure1-ack": same + "01654a9d4a848c689172d4521fcf810802c0215297d5b62375989cf77dfb3633",
        "secure0-ack": same + "f07ad7a1d90115e93140b9a2795e0902",
    }
    for number, revision in REVISIONS.items():

        def good(
            ident: str, tag: int, segments: list[bytes], dialled: bool = True, number: str = number, rev: str = revision
        ) -> Vector:
            wire = Sealer(rev, dialled=dialled).frame(tag, segments)
            ident = f"secure{number}-{ident}"
            assert published.get(ident, wire.hex()) == wire.hex()
            return valid(ident, "FRAME-10", wire, **keyed(rev, dialled), frame=frame(tag, segments))

        yield good("ack", *ACK)
        yield good("ack-accepted", *ACK, dialled=False)
        yield good("wait", *WAIT)
        yield good("message-data", *MESSAGE)
        yield good("message-data-accepted", *MESSAGE, dialled=False)
        for length in LENGTHS:
            yield good(f"first-{length}", 20, [FILLED[:length]])
            yield good(f"second-{length}", 17, [HEADER, FILLED[:length]] if length else [HEADER])
        yield good("both-long", 17, [FILLED[:65], FILLED[:65]])
        for ident, segments in patterns():
            yield good(ident, 17, segments)
        yield from not_sent(number, revision)
        yield from refused(number, revision)


def not_sent(number: str, revision: str) -> Iterator[Vector]:
    def good(ident: str, rule: str, wire: bytes, tag: int, segments: list[bytes]) -> Vector:
        return valid(ident, rule, wire, "NotSent", **keyed(revision, True), frame=frame(tag, segments))

    wire = Sealer(revision).frame(*MESSAGE, filler=0xAA)
    yield good(f"secure{number}-padding-filled", "FRAME-10", wire, *MESSAGE)
    long = [FILLED[:50], FILLED[:50]]
    wire = Sealer(revision).frame(17, long, filler=0xFF)
    yield good(f"secure{number}-padding-filled-long", "FRAME-10", wire, 17, long)
    head = preamble(17, [41, 0, 0, 3], alignments=[1, 0, 3, 16], flags=0xFE, reserved=0xFF)
    wire = Sealer(revision).frame(*MESSAGE, head=head)
    yield good(f"secure{number}-alignments-flags-reserved", "FRAME-2", wire, *MESSAGE)


def refused(number: str, revision: str) -> Iterator[Vector]:
    def bad(ident: str, rule: str, wire: bytes, error: str, *flags: str, **more: Any) -> Vector:
        return invalid(f"secure{number}-{ident}", rule, wire, error, *flags, **keyed(revision, True), **more)

    def sealed(head: bytes) -> bytes:
        return Sealer(revision).frame(*MESSAGE, head=head)

    # msgr2.0 sees a spoilt preamble by its checksum before the AES-GCM tag can be there; msgr2.1 by the tag.
    early = ("FRAME-3", "ChecksumError") if revision == "2.0" else ("FRAME-10", "IntegrityError")
    whole = Sealer(revision).frame(17, [FILLED[:65], b"", b"front"])
    places = {"preamble": 2, "segment-0": 40, "segment-0-end": 33 + 64, "last-segment": -40, "padding": -18, "tag": -1}
    for ident, place in places.items():
        rule, error = early if ident == "preamble" else ("FRAME-10", "IntegrityError")
        yield bad(f"{ident}-bit", rule, flipped(whole, place % len(whole) * 8 + 3), error, "BitFlip")
    if revision == "2.1":
        yield bad("tag-of-head-bit", "FRAME-10", flipped(whole, 95 * 8), "IntegrityError", "BitFlip")
        yield bad("tag-of-rest-bit", "FRAME-10", flipped(whole, 127 * 8), "IntegrityError", "BitFlip")
    yield bad("own-direction", *early_pair(early, Sealer(revision, dialled=False).frame(*ACK)), "Reflected")
    other = Sealer(revision, bytes(16) + SECRET[16:])
    yield bad("other-key", *early_pair(early, other.frame(*ACK)))
    skipped = Sealer(revision)
    skipped.skip()
    yield bad("nonce-skipped", *early_pair(early, skipped.frame(*ACK)), "Dropped")
    yield bad("plain", *early_pair(early, preamble(20, [8]) + bytes(80)), "Downgrade")
    crossed = Sealer("2.1" if revision == "2.0" else "2.0")
    crossed.skip()
    yield bad("other-revision-second-frame", *early_pair(early, crossed.frame(*MESSAGE)))
    yield bad("preamble-checksum", "FRAME-3", sealed(preamble(*lengths(), spoil=1)), "ChecksumError")
    yield bad("no-segments", "FRAME-1", sealed(preamble(*lengths(), count=0)), "FrameError")
    yield bad("five-segments", "FRAME-1", sealed(preamble(*lengths(), count=5)), "FrameError")
    yield bad("last-empty", "FRAME-4", sealed(preamble(17, [41, 0])), "FrameError")
    huge = sealed(preamble(17, [41, 0, 0, 2**32 - 1]))
    yield bad("four-gigabytes", "FRAME-9", huge, "FrameTooLarge", "HugeLength", limits=[65536] * 4)


def lengths() -> tuple[int, list[int]]:
    return 17, [41, 0, 0, 3]


def early_pair(early: tuple[str, str], wire: bytes) -> tuple[str, bytes, str]:
    rule, error = early
    return rule, wire, error


def aborts() -> Iterator[Vector]:
    for number, revision in REVISIONS.items():
        rule = "FRAME-7" if revision == "2.0" else "FRAME-6"
        sent = {"2.0": (0, 1), "2.1": (0x0E, 0x01)}[revision]
        for late in (*range(16), 0x1E, 0x33, 0x5E, 0xE1, 0xEE):
            ident = f"secure{number}-late-{late:02x}"
            wire = Sealer(revision).frame(*MESSAGE, late=late)
            low = late & 1 if revision == "2.0" else late & 0x0F
            if low in sent:
                flags = [] if late in sent else ["NotSent"]
                means = frame(*MESSAGE, aborted=low == 1)
                yield valid(ident, rule, wire, *flags, **keyed(revision, True), frame=means)
            else:
                yield invalid(ident, rule, wire, "FrameError", "LateStatus", **keyed(revision, True))
    wire = Sealer("2.0").frame(*ACK, late=1)
    yield valid("secure0-aborted-one-segment", "FRAME-7", wire, **keyed("2.0", True), frame=frame(*ACK, aborted=True))


def streams() -> Iterator[Vector]:
    for number, revision in REVISIONS.items():
        said: list[tuple[int, list[bytes]]] = [ACK, MESSAGE, (17, [FILLED[:65], FILLED[:9]]), WAIT, (20, [FILLED[:49]])]
        means = [frame(*one) for one in said]
        for dialled in (True, False):
            ident = f"secure{number}-five-frames-{'dialled' if dialled else 'accepted'}"
            wire = b"".join(sealed(Sealer(revision, dialled=dialled), said))
            yield valid(ident, "FRAME-11", wire, **keyed(revision, dialled), frames=means)
        wrapping = SECRET[:16] + NEAR[revision] + NEAR[revision] + SECRET[40:]
        wire = b"".join(sealed(Sealer(revision, wrapping), said))
        yield valid(
            f"secure{number}-counter-wraps", "FRAME-11", wire, "Wrap", **keyed(revision, True, wrapping), frames=means
        )
        one, two, three = sealed(Sealer(revision), [ACK, ACK, ACK])
        tampered = {
            "replayed": (1, [one, one]),
            "dropped": (1, [one, three]),
            "swapped": (0, [two, one, three]),
            "replayed-later": (3, [one, two, three, one]),
        }
        early = ("FRAME-3", "ChecksumError") if revision == "2.0" else ("FRAME-10", "IntegrityError")
        for ident, (delivered, pieces) in tampered.items():
            rule, error = early
            ident = f"secure{number}-{ident}"
            more = keyed(revision, True) | {"delivered": delivered}
            yield invalid(ident, rule, b"".join(pieces), error, "Reordered", **more)


def sealed(sealer: Sealer, said: Sequence[tuple[int, list[bytes]]]) -> list[bytes]:
    return [sealer.frame(tag, segments) for tag, segments in said]


def nonces() -> Iterator[Vector]:
    starts = {
        "of-secret": {"2.0": SECRET[28:40], "2.1": SECRET[28:40]},
        "zero": {"2.0": bytes(12), "2.1": bytes(12)},
        "carry": {"2.0": b"\xff\xff\xff\0" + b"fixed of", "2.1": b"fixd" + b"\xff" * 7 + b"\0"},
        "wrap": NEAR,
        "all-ones": {"2.0": b"\xff" * 12, "2.1": b"\xff" * 12},
    }
    for number, revision in REVISIONS.items():
        for ident, start in starts.items():
            row = [start[revision]]
            for _ in range(4):
                row.append(next_nonce(revision, row[-1]))
            yield valid(f"nonce{number}-{ident}", "FRAME-11", b"".join(row), revision=revision, initial=row[0].hex())
    assert next_nonce("2.1", SECRET[28:40]).hex() == "1c1d1e1f2121222324252627"
    assert next_nonce("2.0", SECRET[28:40]).hex() == "1d1d1e1f2021222324252627"


def secrets() -> Iterator[Vector]:
    for size in (64, 40, 41, 128):
        wire = bytes(range(size))
        cut = {"key": wire[:16].hex(), "server_nonce": wire[16:28].hex(), "client_nonce": wire[28:40].hex()}
        flags = [] if size == 64 else ["NotSent"]
        yield valid(f"secret-{size}", "FRAME-13", wire, *flags, **cut)
    for size in (0, 1, 16, 28, 39):
        yield invalid(f"secret-{size}", "FRAME-13", bytes(range(size)), "AuthError", "ShortKey")
