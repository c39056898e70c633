"""Every byte of a handshake changed in turn, in both directions: never do two ends agree on different things.

With cephx the signatures cover all of it, so there is no byte whose change lets both ends be ready. Method none has no
key, so nothing but the frames' checksums speaks for what was said: a banner, or the few bytes that no checksum covers,
may be changed where the change means nothing, and who can make up checksums can change anything
(`test_none_is_no_protection`).

CVE-2018-1129: the signatures of msgr v1 covered too little.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from msgr.auth import KeyType
from msgr.core import Closed, Connected, Limits, Login, Met
from msgr.core.states import Ended, Ready
from msgr.errors import MsgrError, SignatureError
from msgr.frame import Frame, FrameDecoder, Mode, Revision, Tag, crc_mode
from msgr.payload import Hello, to_frame
from msgr.session import Message

from .pair import (
    BYTE_BY_BYTE,
    SERVER_AT,
    SETUPS,
    WAYS,
    Meddler,
    Pair,
    Setup,
    Way,
    World,
    all_of,
    error_of,
    only,
)
from .script import BANNER_SIZE

# Keys of type aes seal without a check of their own (CVE-2025-30156), so they are tried as well, in one setup.
OPEN_TO_FLIPS: Final = Setup(KeyType.AES, Mode.CRC, Revision.REV1)
KEYED_SETUPS: Final = (*(setup for setup in BYTE_BY_BYTE if setup.is_secure), OPEN_TO_FLIPS)
NONE_SETUPS: Final = tuple(setup for setup in SETUPS if not setup.is_secure)


def flip(way: Way, place: int, mask: int) -> Meddler:
    """Return what changes one byte on the wire."""

    def meddle(going: Way, before: int, data: bytes) -> bytes:
        index = place - before
        if going != way or not 0 <= index < len(data):
            return data
        return data[:index] + bytes([data[index] ^ mask]) + data[index + 1 :]

    return meddle


def sizes(setup: Setup) -> dict[Way, int]:
    """Return how many bytes a handshake takes, each way."""
    pair = World(setup).pair()
    pair.pump()
    assert pair.is_ready
    return {way: len(data) for way, data in pair.wire.items()}


def view(pair: Pair) -> tuple[object, ...]:
    """Return what two ends that are ready think of each other, but for banner bits that mean nothing to them."""
    ends: list[tuple[object, ...]] = []
    for events in (pair.client_events, pair.server_events):
        met, login, peer = only(events, Met), only(events, Login), only(events, Connected).peer
        ends.append((met.revision, met.entity_type, met.seen_as, login.method, login.mode, login.global_id))
        ends.append((login.identity, peer.addresses, peer.gid, peer.features, peer.lossy))
    return tuple(ends)


def meddled(setup: Setup, way: Way, place: int) -> Pair:
    """Return what becomes of a handshake of which one byte is changed."""
    mask = 1 << Random(f"{setup} {way} {place}").randrange(8)
    pair = World(setup).pair(flip(way, place, mask))
    pair.pump()
    if not pair.is_ready:
        pair.expire()  # an announced length may be longer now, and one end wait for ever
    return pair


def signed_size(pair: Pair, way: Way) -> int:
    """Return how many bytes, from the banner on, the other end's signature covers."""
    wire = pair.wire[way]
    decoder = FrameDecoder(crc_mode(only(pair.client_events, Met).revision), Limits().session(), lambda _: None)
    decoder.feed(wire[BANNER_SIZE:])
    last = Tag.AUTH_REQUEST_MORE if way == "to server" else Tag.AUTH_DONE
    while (frame := decoder.next_frame()) is not None and frame.tag != last:
        pass
    return len(wire) - decoder.pending


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", KEYED_SETUPS, ids=str)
def test_cve_2018_1129_signatures_cover_every_byte(setup: Setup, way: Way) -> None:
    """CVE-2018-1129. What comes after the signatures is sealed in secure mode, and has only checksums in crc mode.

    CVE-2025-30156 as well: the handshake's sealed blobs, that have no integrity of their own under keys of type aes.

    Demand 67.
    """
    honest = World(setup).pair()
    honest.pump()
    signed = signed_size(honest, way)
    for place in range(len(honest.wire[way])):
        pair = meddled(setup, way, place)
        if pair.is_ready:
            # Bytes of msgr2.0 that no checksum covers, in frames after the signed ones.
            assert (setup.mode, setup.revision) == (Mode.CRC, Revision.REV0), (way, place)
            assert place >= signed
            assert view(pair) == view(honest)
            continue
        events = pair.server_events if way == "to server" else pair.client_events
        assert isinstance(error_of(events), MsgrError), (way, place)
        assert not all_of(events, Connected), (way, place)
        for end in (pair.client, pair.server):
            assert isinstance(end.state, Ready | Ended)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", NONE_SETUPS, ids=str)
def test_without_keys_nobody_agrees_on_something_else(setup: Setup, way: Way) -> None:
    """One flipped bit, not an attacker: what still lets both ends be ready changes nothing that they know. Demand 1."""
    honest = World(setup).pair()
    honest.pump()
    unnoticed = []
    for place in range(len(honest.wire[way])):
        pair = meddled(setup, way, place)
        if pair.is_ready:
            unnoticed.append(place)
            assert view(pair) == view(honest), (way, place)
    # The sixteen bytes of feature bits in the banner, and in msgr2.0 of each frame of one segment the byte of late
    # flags and the checksums of the three segments that it has not.
    beyond_banner = [place for place in unnoticed if place >= 26]
    assert {place for place in unnoticed if place < 26} <= set(range(10, 26))
    if setup.revision is Revision.REV1:
        assert beyond_banner == []


def test_none_is_no_protection() -> None:
    """Method none, by its nature: who sits between can rewrite frames, checksums and all, and nobody notices.

    Demand 74i.
    """
    mode = crc_mode(Revision.REV1)

    def lie(way: Way, before: int, data: bytes) -> bytes:
        head, rest = (data[:26], data[26:]) if before == 0 else (b"", data)
        if way == "to server" or not rest:
            return data
        decoder = FrameDecoder(mode, Limits().session(), lambda _: None)
        decoder.feed(rest)
        hello = decoder.next_frame()
        assert isinstance(hello, Frame)
        if hello.tag != Tag.HELLO:
            return data
        told = mode.seal(to_frame(Hello(entity_type=16, peer_address=SERVER_AT)))
        return head + b"".join(map(bytes, told)) + decoder.peek(decoder.pending)

    pair = World(Setup(KeyType.NONE, Mode.CRC, Revision.REV1)).pair(lie)
    pair.pump()
    assert pair.is_ready
    assert only(pair.client_events, Met).entity_type == 16
    pair = World(Setup(KeyType.AES256K, Mode.CRC, Revision.REV1)).pair(lie)
    pair.pump()
    assert isinstance(error_of(pair.server_events), SignatureError)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", BYTE_BY_BYTE, ids=str)
def test_cve_2018_1129_a_changed_message_is_noticed(setup: Setup, way: Way) -> None:
    """CVE-2018-1129, in a session: by a tag in secure mode, by a checksum in crc mode (where it is no protection)."""
    begin = sizes(setup)[way]
    frame = 0
    place = begin
    pair = World(setup).pair()
    while not frame or place < begin + frame:
        mask = 1 << Random(place).randrange(8)
        pair = World(setup).pair(flip(way, place, mask))
        pair.pump()
        end, events = (pair.client, pair.server_events) if way == "to server" else (pair.server, pair.client_events)
        end.send_message(Message(type=7, front=b"front", middle=b"middle", data=b"data"))
        pair.pump()
        frame = len(pair.wire[way]) - begin
        if isinstance(events[-1], Closed):
            assert isinstance(error_of(events), MsgrError)
        elif not isinstance(events[-1], Connected):
            # The byte of late flags, which no checksum covers in msgr2.0, and the bits of it without a meaning.
            assert setup.mode is Mode.CRC, (way, place)
            assert place - begin >= frame - (17 if setup.revision is Revision.REV0 else 13), (way, place)
        place += 1
    assert isinstance(pair.client.state, Ready) or isinstance(pair.server.state, Ready)
