"""What somebody who stands between the ends does to one frame: without keys, but with checksums made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import pack, unpack_from

from .decoder import Seen
from .encoder import address_vector, blob, crc_frame, flipped, modern, preamble, sockaddr, vec32
from .recorder import Change, Tampering

Spoilt = tuple[str, str, Tampering]
"""A place, the flag that says why, and what is done there."""

ELSEWHERE = modern(2, 0, sockaddr("127.0.0.1", 1))


def payload(revision: str, change: Callable[[bytes], bytes]) -> Change:
    """Another payload in a control frame, with a checksum that fits."""
    return lambda seen: crc_frame(revision, seen.tag, [change(seen.segments[0])])


def segment(revision: str, index: int, content: bytes) -> Change:
    """Another segment in a message, with a checksum that fits."""

    def change(seen: Seen) -> bytes:
        segments = list(seen.segments)
        segments[index] = content
        return crc_frame(revision, seen.tag, segments)

    return change


def as_tag(revision: str, tag: int) -> Change:
    """The same payload behind another tag, with checksums that fit."""
    return lambda seen: crc_frame(revision, tag, [seen.segments[0]])


def bit(place: int) -> Change:
    """One bit the other way in a byte, and nothing made anew; counted from the end where it is negative."""
    return lambda seen: flipped(seen.raw, 8 * (place % len(seen.raw)))


def byte(place: int) -> Callable[[bytes], bytes]:
    return lambda content: flipped(content, 8 * (place % len(content)))


def compressed_segment(body: bytes) -> Change:
    """A compressed message whose front is these bytes."""

    def change(seen: Seen) -> bytes:
        sizes = [unpack_from("<I", seen.raw, 2 + 6 * slot)[0] for slot in range(2)]
        first = seen.raw[32 : 32 + sizes[0]]
        return crc_frame("2.1", seen.tag, [first, body], head=preamble(seen.tag, [len(first), len(body)], flags=1))

    return change


def plain_frame(revision: str) -> Change:
    """The frame as it would be in crc mode, and as many bytes as there were."""
    return lambda seen: crc_frame(revision, seen.tag, seen.segments).ljust(len(seen.raw), b"\0")


def older_banner() -> Tampering:
    return Tampering("client", "BANNER", lambda seen: seen.raw[:10] + b"\x02" + seen.raw[11:])


def modes_around() -> Tampering:
    """The client's first choice is put last."""
    return Tampering("client", "AUTH_REQUEST", payload("2.1", lambda said: said[:4] + vec32(1, 2) + said[16:]))


def of_handshakes(revision: str) -> Iterator[Spoilt]:
    """What a signature or a cipher shows, where there is a key."""
    for sender in ("client", "server"):
        other = Tampering(sender, "HELLO", payload(revision, byte(0)))
        yield f"{sender}-hello-type", "Forged", other
        yield f"{sender}-hello-address", "Forged", Tampering(sender, "HELLO", payload(revision, byte(-12)))
        yield f"{sender}-hello-bit", "BitFlip", Tampering(sender, "HELLO", bit(40))
        yield (
            f"{sender}-banner-compression",
            "Downgrade",
            Tampering(sender, "BANNER", lambda seen: seen.raw[:10] + bytes([seen.raw[10] & ~2]) + seen.raw[11:]),
        )
        yield f"{sender}-banner-bit", "BitFlip", Tampering(sender, "BANNER", bit(3))
    yield "request-name", "Forged", Tampering("client", "AUTH_REQUEST", payload(revision, byte(-9)))
    yield "request-global-id", "Forged", Tampering("client", "AUTH_REQUEST", payload(revision, byte(-8)))
    yield "request-method", "Forged", Tampering("client", "AUTH_REQUEST", payload(revision, byte(0)))
    yield "challenge", "Forged", Tampering("server", "AUTH_REPLY_MORE", payload(revision, byte(-1)))
    yield (
        "challenge-zero",
        "Forged",
        Tampering("server", "AUTH_REPLY_MORE", payload(revision, lambda said: said[:5] + bytes(8))),
    )
    yield "challenge-cut", "Cut", Tampering("server", "AUTH_REPLY_MORE", payload(revision, lambda said: said[:-1]))
    yield "proof", "Forged", Tampering("client", "AUTH_REQUEST_MORE", payload(revision, byte(4 + 2 + 1 + 8)))
    yield "client-challenge", "Forged", Tampering("client", "AUTH_REQUEST_MORE", payload(revision, byte(4 + 2 + 1)))
    yield "done-global-id", "Forged", Tampering("server", "AUTH_DONE", payload(revision, byte(0)))
    yield "done-mode", "Forged", Tampering("server", "AUTH_DONE", payload(revision, other_mode))
    yield "done-session-key", "Forged", Tampering("server", "AUTH_DONE", payload(revision, byte(16 + 6 + 5 + 5 + 4)))
    yield "done-secret", "Forged", Tampering("server", "AUTH_DONE", payload(revision, byte(-5)))
    yield "done-cut", "Cut", Tampering("server", "AUTH_DONE", payload(revision, cut_blob))
    yield "done-bit", "BitFlip", Tampering("server", "AUTH_DONE", bit(60))
    yield "request-said-twice", "Reordered", Tampering("client", "AUTH_REQUEST", lambda seen: seen.raw + seen.raw)
    yield "hello-said-twice", "Reordered", Tampering("server", "HELLO", lambda seen: seen.raw + seen.raw)


def other_mode(said: bytes) -> bytes:
    return said[:8] + pack("<I", 3 - said[8]) + said[12:]


def cut_blob(said: bytes) -> bytes:
    return said[:12] + blob(said[16:-1])


def behind_it(mode: str, revision: str) -> Iterator[Spoilt]:
    """Frames after AUTH_DONE."""
    for sender in ("client", "server"):
        yield f"{sender}-signature-bit", "BitFlip", Tampering(sender, "AUTH_SIGNATURE", bit(-1))
        if mode == "crc":
            yield f"{sender}-signature", "Forged", Tampering(sender, "AUTH_SIGNATURE", payload(revision, byte(0)))
            zeros = payload(revision, lambda _: bytes(32))
            yield f"{sender}-signature-zeros", "Forged", Tampering(sender, "AUTH_SIGNATURE", zeros)
        else:
            plain = Tampering(sender, "AUTH_SIGNATURE", plain_frame(revision))
            yield f"{sender}-signature-plain", "Downgrade", plain
            twice = Tampering(sender, "AUTH_SIGNATURE", lambda seen: seen.raw + seen.raw)
            yield f"{sender}-signature-replayed", "Reordered", twice
    yield "client-ident-bit", "BitFlip", Tampering("client", "CLIENT_IDENT", bit(-1))
    yield "server-ident-bit", "BitFlip", Tampering("server", "SERVER_IDENT", bit(-1))


def without_keys(revision: str) -> Iterator[Spoilt]:
    """What is seen where nobody has a key: damage, and what makes no sense."""

    def ident(change: Callable[[bytes], bytes]) -> Tampering:
        return Tampering("client", "CLIENT_IDENT", payload(revision, change))

    size = 5 + 7 + 28
    yield "request-bit", "BitFlip", Tampering("client", "AUTH_REQUEST", bit(50))
    yield "signature-not-zeros", "Forged", Tampering("client", "AUTH_SIGNATURE", payload(revision, byte(7)))
    yield "ident-bit", "BitFlip", Tampering("client", "CLIENT_IDENT", bit(60))
    yield "ident-no-addresses", "Forged", ident(lambda said: address_vector() + said[size:])
    yield "ident-target-elsewhere", "Forged", ident(lambda said: said[:size] + ELSEWHERE + said[size + 35 :])
    yield "ident-cut", "Cut", ident(lambda said: said[:-1])
    yield (
        "server-ident-elsewhere",
        "Forged",
        Tampering("server", "SERVER_IDENT", payload(revision, lambda said: address_vector(ELSEWHERE) + said[size:])),
    )
    yield "server-ident-cut", "Cut", Tampering("server", "SERVER_IDENT", payload(revision, lambda said: said[:-1]))
    yield "done-mode-secure", "Forged", Tampering("server", "AUTH_DONE", payload(revision, other_mode))
    yield (
        "done-payload",
        "Forged",
        Tampering("server", "AUTH_DONE", payload(revision, lambda said: said[:12] + blob(b"x"))),
    )
    ack = crc_frame(revision, 20, [pack("<Q", 1)])
    yield "ack-before-ident", "Reordered", Tampering("client", "CLIENT_IDENT", lambda seen: ack + seen.raw)
    unknown = crc_frame(revision, 200, [b"x"])
    yield "unknown-tag", "UnknownNumber", Tampering("server", "AUTH_DONE", lambda seen: unknown + seen.raw)


def in_sessions(mode: str, revision: str) -> Iterator[Spoilt]:
    """Messages on their way."""
    yield "message-bit", "BitFlip", Tampering("client", "MESSAGE", bit(-1))
    yield "message-header-bit", "BitFlip", Tampering("client", "MESSAGE", bit(33))
    yield "ack-bit", "BitFlip", Tampering("server", "ACK", bit(33))
    if mode == "secure":
        yield "message-dropped", "Dropped", Tampering("client", "MESSAGE", lambda seen: b"")
        yield "message-replayed", "Reordered", Tampering("client", "MESSAGE", lambda seen: seen.raw + seen.raw)
        plain = Tampering("client", "MESSAGE", plain_frame(revision))
        yield "message-plain", "Downgrade", plain
        forged = Tampering("server", "ACK", plain_frame(revision))
        yield "ack-plain", "Downgrade", forged


def said_wrongly(revision: str) -> Iterator[Spoilt]:
    """Frames that are whole, and break a rule."""
    ack = payload(revision, lambda _: pack("<Q", 99))
    yield "ack-of-what-was-never-sent", "Forged", Tampering("server", "ACK", ack)
    yield "ack-cut", "Cut", Tampering("server", "ACK", payload(revision, lambda said: said[:-1]))
    yield "header-short", "Cut", Tampering("client", "MESSAGE", segment(revision, 0, bytes(40)))
    yield "header-long", "Forged", Tampering("client", "MESSAGE", segment(revision, 0, bytes(42)))
    yield (
        "keepalive-with-two-segments",
        "Forged",
        Tampering("server", "KEEPALIVE2", lambda seen: crc_frame(revision, seen.tag, [*seen.segments, b"x"])),
    )
    yield (
        "hello-in-a-session",
        "Reordered",
        Tampering("server", "KEEPALIVE2", lambda seen: crc_frame(revision, 1, seen.segments)),
    )
    no_cookie = payload(revision, lambda said: said[:-8] + bytes(8))
    yield "server-ident-no-cookie", "Forged", Tampering("server", "SERVER_IDENT", no_cookie)
    lossy = payload(revision, lambda said: said[:-16] + pack("<Q", 1) + said[-8:])
    yield "server-ident-lossy", "Forged", Tampering("server", "SERVER_IDENT", lossy)
    on = crc_frame(revision, 22, [b"\1" + pack("<I", 1)])
    yield "compression-unasked", "Forged", Tampering("server", "SERVER_IDENT", lambda seen: on + seen.raw)
