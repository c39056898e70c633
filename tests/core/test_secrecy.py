"""What can be read on the wire, and what happens when sealed frames are replayed, dropped or swapped."""

from __future__ import annotations

from base64 import b64encode
from itertools import permutations
from typing import Final

import pytest

from msgr.auth import KeyType
from msgr.core import Closed, MessageReceived
from msgr.core.states import AwaitSignature
from msgr.errors import IntegrityError, PeerError
from msgr.frame import Mode, Revision
from msgr.session import Message

from .pair import ADMIN, CEPHX_SETUPS, SETUPS, Pair, Setup, Way, World, all_of, drain, drain_events, error_of

MARK: Final = b"the quick brown fox"
SECURE: Final = tuple(setup for setup in CEPHX_SETUPS if setup.mode is Mode.SECURE)


def talked(setup: Setup) -> Pair:
    """Return a pair that exchanged messages with the mark in every segment, both ways."""
    pair = World(setup).pair()
    pair.pump()
    message = Message(type=0x7A7A, front=MARK * 5, middle=b"\1" + MARK, data=MARK * 4000, tid=0x7B7B7B7B7B7B)
    pair.client.send_message(message)
    pair.server.send_message(message)
    pair.pump()
    assert len(all_of(pair.client_events, MessageReceived)) == 1
    assert len(all_of(pair.server_events, MessageReceived)) == 1
    return pair


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_in_secure_mode_nothing_of_a_message_is_to_be_read(setup: Setup) -> None:
    """The same test sees all of it in crc mode, so it would see it here."""
    secure = setup.mode is Mode.SECURE
    for wire in talked(setup).wire.values():
        assert (MARK in wire) is not secure
        assert (b"\x7b" * 6 in wire) is not secure
        assert wire.count(MARK) == (0 if secure else 5 + 1 + 4000)


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_cve_2018_16889_no_key_is_to_be_read(setup: Setup) -> None:
    """CVE-2018-16889: keys in logs. Nor on the wire, nor in what can be printed of any state, event or error."""
    world = World(setup)
    pair = world.pair()
    printed, secrets = [], [world.key.secret]
    while not pair.is_ready:
        for source, sink, events, wire in (
            (pair.client, pair.server, pair.server_events, pair.wire["to server"]),
            (pair.server, pair.client, pair.client_events, pair.wire["to client"]),
        ):
            data = drain(source)
            wire += data
            for byte in data:  # so that no state passes unseen
                sink.receive_data(bytes([byte]), now=pair.now)
                printed.append(repr(sink.state))
                if isinstance(sink.state, AwaitSignature):
                    secrets += [sink.state.keys.session_key, sink.state.keys.connection_secret]
            events += drain_events(sink)
    printed += map(repr, [*pair.client_events, *pair.server_events, world.client, world.server])
    text = "\n".join(printed)
    assert world.key.to_text() not in text
    distinct = set(filter(None, secrets))
    assert len(distinct) == (3 if setup.mode is Mode.SECURE else 2)
    for secret in distinct:
        for spelling in (secret.hex(), repr(secret)[2:-1], b64encode(secret).decode()):
            assert spelling not in text
        assert all(secret not in wire for wire in pair.wire.values())


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_names_are_to_be_read_in_every_mode(setup: Setup) -> None:
    """The handshake is in the clear, by the protocol: what a client is called is no secret."""
    pair = World(setup).pair()
    pair.pump()
    assert ADMIN.id.encode() in pair.wire["to server"]


def sealed(pair: Pair, way: Way, count: int) -> list[bytes]:
    """Return frames of messages, in their order, as one end sealed them."""
    end = pair.client if way == "to server" else pair.server
    frames = []
    for number in range(count):
        end.send_message(Message(type=1, front=bytes([number]) * 60))
        frames.append(drain(end))
    return frames


ORDERS: Final = [order for order in permutations(range(3)) if order != (0, 1, 2)]


@pytest.mark.parametrize("order", [*ORDERS, (0, 0), (0, 1, 1), (0, 1, 0), (1,), (0, 2), (2,)], ids=str)
@pytest.mark.parametrize("way", ["to server", "to client"])
@pytest.mark.parametrize("setup", SECURE, ids=str)
def test_replayed_dropped_and_swapped_frames(setup: Setup, way: Way, order: tuple[int, ...]) -> None:
    """Each frame has its nonce, so the first that is not the next one ends the connection."""
    pair = World(setup).pair()
    pair.pump()
    frames = sealed(pair, way, 3)
    sink = pair.server if way == "to server" else pair.client
    right = 0
    for place, number in enumerate(order):
        sink.receive_data(frames[number], now=pair.now)
        if number != place:
            break
        right += 1
    events = []
    while (event := sink.next_event()) is not None:
        events.append(event)
    assert [event.message.seq for event in all_of(events, MessageReceived)] == list(range(1, right + 1))
    error = error_of(events)
    assert isinstance(error, PeerError)
    if setup.revision is Revision.REV1:
        assert isinstance(error, IntegrityError)


@pytest.mark.parametrize("setup", SECURE, ids=str)
def test_a_frame_sent_back_to_its_sender(setup: Setup) -> None:
    """The two directions have nonces of their own."""
    pair = World(setup).pair()
    pair.pump()
    (frame,) = sealed(pair, "to server", 1)
    pair.client.receive_data(frame, now=pair.now)
    event = pair.client.next_event()
    assert isinstance(event, Closed)
    assert isinstance(event.error, PeerError)


@pytest.mark.parametrize("setup", SECURE, ids=str)
def test_a_frame_of_another_connection(setup: Setup) -> None:
    """Every connection has a secret of its own, the same client's too."""
    world = World(setup)
    first, second = world.pair(), world.pair()
    first.pump()
    second.pump()
    (frame,) = sealed(first, "to server", 1)
    second.server.receive_data(frame, now=second.now)
    event = second.server.next_event()
    assert isinstance(event, Closed)
    assert isinstance(event.error, PeerError)


def test_in_crc_mode_a_replayed_frame_is_a_duplicate() -> None:
    """Crc mode knows bit errors, no people: what is caught is caught by the messages' numbers."""
    pair = World(Setup(KeyType.AES256K, Mode.CRC, Revision.REV1)).pair()
    pair.pump()
    frames = sealed(pair, "to server", 2)
    for number in (0, 0, 1, 0):
        pair.server.receive_data(frames[number], now=pair.now)
    seqs = []
    while (event := pair.server.next_event()) is not None:
        assert isinstance(event, MessageReceived)
        seqs.append(event.message.seq)
    assert seqs == [1, 2]
