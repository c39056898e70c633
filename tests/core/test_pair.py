"""Two honest ends meet, in every way that there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.core import Closed, Connected, KeepaliveAcked, Login, MessageReceived, Met
from msgr.core.states import Ready
from msgr.errors import StateError
from msgr.frame import Mode, Revision
from msgr.session import Message
from msgr.wire import EntityType

from .pair import ADMIN, CLIENT_AT, MON, SERVER_AT, SETUPS, Pair, Setup, World, all_of, only

PIECES: Final = (1, 7, 1 << 20)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_two_ends_agree(setup: Setup, piece: int) -> None:
    pair = World(setup).pair()
    pair.pump(piece)
    assert pair.is_ready
    met, login, connected = pair.client_events
    assert isinstance(met, Met)
    assert (met.revision, met.entity_type) == (setup.revision, MON.type)
    assert met.seen_as == CLIENT_AT
    assert isinstance(login, Login)
    assert (login.mode, login.met, login.identity) == (setup.mode, met, None)
    assert isinstance(connected, Connected)
    assert connected.peer.addresses == (SERVER_AT,)
    assert connected.peer.login is login
    assert connected.peer.lossy
    met, theirs, connected = pair.server_events
    assert isinstance(met, Met)
    assert (met.revision, met.entity_type) == (setup.revision, EntityType.CLIENT)
    assert isinstance(theirs, Login)
    assert (theirs.mode, theirs.method, theirs.global_id) == (login.mode, login.method, login.global_id)
    assert theirs.identity is not None
    assert (theirs.identity.name, theirs.identity.global_id) == (ADMIN, login.global_id)
    assert isinstance(connected, Connected)
    (address,) = connected.peer.addresses
    assert (address.host, address.port) == (CLIENT_AT.host, 0)
    assert address.nonce
    assert connected.peer.gid == login.global_id


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_messages_flow_both_ways(setup: Setup, piece: int) -> None:
    pair = World(setup).pair()
    pair.pump()
    sent = [Message(type=7, front=b"f" * size, middle=b"m" * (size % 3), data=b"d" * (size // 2)) for size in range(60)]
    for message in sent:
        pair.client.send_message(message)
        pair.server.send_message(replace(message, tid=9))
    pair.pump(piece)
    received = [event.message for event in all_of(pair.server_events, MessageReceived)]
    assert received == [replace(message, seq=number) for number, message in enumerate(sent, 1)]
    received = [event.message for event in all_of(pair.client_events, MessageReceived)]
    assert received == [replace(message, tid=9, seq=number) for number, message in enumerate(sent, 1)]


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_a_keepalive_is_answered_with_its_stamp(setup: Setup) -> None:
    """Demand 72."""
    pair = World(setup).pair()
    pair.pump()
    pair.now += 5
    stamp = pair.client.send_keepalive(now=pair.now)
    pair.carry("to server")
    pair.now += 0.25
    pair.carry("to client")
    acked = only(pair.client_events, KeepaliveAcked)
    assert acked.stamp == stamp
    assert acked.round_trip == pytest.approx(0.25, abs=1e-3)
    assert not all_of(pair.server_events, KeepaliveAcked)


def test_both_revisions_allowed_gives_the_newer() -> None:
    """Demand 4."""
    world = World()
    both = frozenset(Revision)
    pair = Pair(replace(world.client, revisions=both), replace(world.server, revisions=both))
    pair.pump()
    assert only(pair.client_events, Met).revision is Revision.REV1
    assert pair.is_ready


@pytest.mark.parametrize("end", ["client", "server"])
def test_one_end_knows_the_old_revision_only(end: str) -> None:
    """Demand 3."""
    world = World()
    old, both = frozenset({Revision.REV0}), frozenset(Revision)
    client = replace(world.client, revisions=old if end == "client" else both)
    server = replace(world.server, revisions=old if end == "server" else both)
    pair = Pair(client, server)
    pair.pump()
    assert pair.is_ready
    assert only(pair.server_events, Met).revision is Revision.REV0


def test_the_client_s_order_of_modes_decides() -> None:
    """AUTH-3."""
    world = World()
    pair = Pair(replace(world.client, modes=(Mode.CRC, Mode.SECURE)), replace(world.server, modes=tuple(Mode)[::-1]))
    pair.pump()
    assert only(pair.server_events, Login).mode is Mode.CRC


def test_without_settings_the_strongest_mode_is_used() -> None:
    world = World()
    pair = Pair(replace(world.client, modes=()), replace(world.server, modes=()))
    pair.pump()
    assert only(pair.server_events, Login).mode is Mode.SECURE


def test_a_client_that_listens_says_where() -> None:
    """IDENT-5 is for those that do not."""
    world = World()
    pair = Pair(replace(world.client, addresses=(CLIENT_AT,)), world.server)
    pair.pump()
    assert only(pair.server_events, Connected).peer.addresses == (CLIENT_AT,)


def test_before_the_session_nothing_can_be_sent() -> None:
    pair = World().pair()
    with pytest.raises(StateError, match="cannot send a message in AwaitBanner, after 0 bytes"):
        pair.client.send_message(Message(type=1))
    with pytest.raises(StateError, match="cannot ask for a sign of life in AwaitBanner"):
        pair.server.send_keepalive(now=pair.now)
    assert pair.client.queued_bytes == 0


def test_closing_is_once_and_final() -> None:
    pair = World().pair()
    pair.pump()
    pair.client.send_message(Message(type=1, front=b"never sent"))
    assert pair.client.queued_bytes == len(b"never sent")
    pair.client.close()
    pair.client.close()
    assert pair.client.next_event() == Closed(error=None)
    assert pair.client.next_event() is None
    assert pair.client.data_to_send() == []
    pair.client.receive_data(b"late", now=pair.now)
    pair.client.receive_eof()
    assert pair.client.next_event() is None
    with pytest.raises(StateError, match="in Ended"):
        pair.client.send_message(Message(type=1))


def test_no_deadline_in_a_session() -> None:
    pair = World().pair()
    assert pair.client.next_deadline == pair.now + 10
    pair.pump()
    assert pair.client.next_deadline is None
    pair.client.handle_deadline(now=pair.now + 1e6)
    assert isinstance(pair.client.state, Ready)


def test_the_same_dice_give_the_same_bytes() -> None:
    first, second = World().pair(), World().pair()
    first.pump()
    second.pump(1)
    assert first.wire == second.wire
