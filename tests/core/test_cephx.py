"""Whole connections with cephx: keys that are wrong, entities that nobody knows, ids that are claimed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.auth import CephxClient, CryptoKey, NoneClient, NoneServer, Ticket
from msgr.auth.cephx.structs import TicketBlob
from msgr.core import Connected, Denial, Login, states
from msgr.errors import AuthRefused, ChecksumError, MsgrError, UnexpectedFrame
from msgr.frame import Mode
from msgr.wire import EntityName

from .pair import ADMIN, CEPHX_SETUPS, SETUPS, WALL, Pair, Setup, World, error_of, only
from .pair import Dice as Stream

OTHER: Final = EntityName.parse("client.other")


def denied(pair: Pair, result: int = -13) -> str:
    """Check that the server said no, at both ends; returns the reason that it kept to itself."""
    pair.pump()
    pair.server.receive_eof()
    while (event := pair.server.next_event()) is not None:
        pair.server_events.append(event)
    for events in (pair.client_events, pair.server_events):
        error = error_of(events)
        assert isinstance(error, AuthRefused), error
        assert error.result == result
    denial = only(pair.server_events, Denial)
    assert denial.result == result
    assert denial.reason not in str(error_of(pair.client_events))
    return denial.reason


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_a_wrong_key(setup: Setup) -> None:
    world = World(setup)
    world.with_method(CephxClient(ADMIN, CryptoKey.generate(Stream("wrong"), WALL, setup.key_type)))
    assert "client.admin" in denied(world.pair())


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_a_name_that_nobody_knows(setup: Setup) -> None:
    """It is answered as a wrong key is, so that names cannot be tried out."""
    world = World(setup)
    world.with_method(CephxClient(OTHER, world.key))
    unknown = world.pair()
    assert "client.other" in denied(unknown)
    world.with_method(CephxClient(ADMIN, CryptoKey.generate(Stream("wrong"), WALL, setup.key_type)))
    wrong = world.pair()
    denied(wrong)
    # Apart from the random challenge.
    assert len(unknown.wire["to client"]) == len(wrong.wire["to client"])


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_a_global_id_is_kept_with_its_ticket(setup: Setup) -> None:
    world = World(setup)
    ids = []
    for _ in range(3):
        pair = world.pair()
        pair.pump()
        assert pair.is_ready
        ids.append(only(pair.client_events, Login).global_id)
    assert len(set(ids)) == 1
    world.with_method(CephxClient(ADMIN, world.key))
    pair = world.pair()
    pair.pump()
    assert only(pair.client_events, Login).global_id != ids[0]


def forged(method: CephxClient, given: Ticket, global_id: int, blob: TicketBlob) -> CephxClient:
    """Let a client claim another id, or show another ticket, than it was given."""
    method.keep(global_id, {given.service: replace(given, blob=blob)})
    return method


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_cve_2021_20288_an_id_without_its_ticket(setup: Setup) -> None:
    """CVE-2021-20288: a global id was given again to whoever asked for it."""
    world = World(setup)
    world.keyring.add(OTHER, world.key, {"mon": "allow *"})
    world.pair().pump()
    other = CephxClient(OTHER, world.key)
    world.with_method(other)
    world.pair().pump()
    mine = world.client_method
    assert isinstance(mine, CephxClient)
    mine_id, (mine_ticket,) = mine.global_id, mine.tickets.values()
    (other_ticket,) = other.tickets.values()
    cases = {
        "no ticket": (mine_id, TicketBlob()),
        "a ticket of another id": (mine_id, other_ticket.blob),
        "a ticket for another's name": (mine_id, mine_ticket.blob),
        "an id that was never given": (mine_id + 1000, other_ticket.blob),
        "a secret that is unknown": (other.global_id, replace(other_ticket.blob, secret_id=99)),
        "a ticket that is cut": (other.global_id, replace(other_ticket.blob, sealed=other_ticket.blob.sealed[:-1])),
        "a ticket that is changed": (
            other.global_id,
            replace(other_ticket.blob, sealed=bytes([other_ticket.blob.sealed[0] ^ 1]) + other_ticket.blob.sealed[1:]),
        ),
    }
    honest_id = other.global_id
    for case, (global_id, ticket) in cases.items():
        world.with_method(forged(other, other_ticket, global_id, ticket))
        assert "GLOBALID-3" in denied(world.pair()), case
        assert (other.global_id, dict(other.tickets)) == (0, {})  # GLOBALID-4: what was refused is not shown again
    forged(other, other_ticket, honest_id, other_ticket.blob)
    pair = world.pair()
    pair.pump()
    assert only(pair.client_events, Login).global_id == honest_id


def test_cve_2021_20288_a_ticket_that_is_expired() -> None:
    """CVE-2021-20288. The client's clock may stand still; the server's does not."""
    world = World()
    world.pair().pump()
    assert "GLOBALID-3" in denied(Pair(world.client, world.server, server_ahead=365 * 86400))


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_cve_2018_1128_a_recorded_client_is_not_let_in_again(setup: Setup) -> None:
    """CVE-2018-1128, and CVE-2020-25660 by which it came back: the challenge is new, in each mode and revision.

    What follows the refused proof is not even a frame where the recorded connection was encrypted.
    """
    world = World(setup)
    recorded = world.pair()
    recorded.pump()
    assert recorded.is_ready
    again = world.pair()
    again.server.receive_data(bytes(recorded.wire["to server"]), now=again.now)
    events = []
    while (event := again.server.next_event()) is not None:
        events.append(event)
    assert not any(isinstance(event, Login | Connected) for event in events)
    assert only(events, Denial).result == -13
    assert isinstance(error_of(events), UnexpectedFrame if setup.mode is Mode.CRC else ChecksumError)


@pytest.mark.parametrize("setup", CEPHX_SETUPS, ids=str)
def test_cve_2018_1128_a_recorded_server_is_not_believed_again(setup: Setup) -> None:
    """CVE-2018-1128, the other way: what a server said to one connection is no answer to the next."""
    world = World(setup)
    recorded = world.pair()
    recorded.pump()
    world.with_method(CephxClient(ADMIN, world.key))
    again = world.pair()
    again.client.receive_data(bytes(recorded.wire["to client"]), now=again.now)
    events = []
    while (event := again.client.next_event()) is not None:
        events.append(event)
    assert not any(isinstance(event, Login | Connected) for event in events)
    assert isinstance(error_of(events), MsgrError)


def test_method_none_is_open_to_replay() -> None:
    """By its nature: this is the difference that a key makes."""
    world = World(SETUPS[0])
    recorded = world.pair()
    recorded.pump()
    again = world.pair()
    again.server.receive_data(bytes(recorded.wire["to server"]), now=again.now)
    assert isinstance(again.server.state, states.Ready)


def test_cve_2020_10736_who_a_client_is_comes_from_its_credential() -> None:
    """CVE-2020-10736: known before the session begins, and from the key that was proved, not from what HELLO claims."""
    world = World()
    world.client = replace(world.client, name=EntityName.parse("mon.evil"))
    pair = world.pair()
    pair.pump()
    _met, login, connected = pair.server_events
    assert isinstance(login, Login)
    assert login.identity is not None
    assert (login.identity.name, dict(login.identity.caps)) == (ADMIN, {"mon": "allow *"})
    assert isinstance(connected, Connected)
    assert connected.peer.login is login


def test_a_client_without_a_key_at_a_server_that_wants_one() -> None:
    world = World(replace(SETUPS[-1], mode=Mode.CRC))
    world.with_method(NoneClient(ADMIN))
    pair = world.pair()
    pair.pump()
    error = error_of(pair.client_events)
    assert isinstance(error, AuthRefused)
    assert (error.result, error.methods) == (-95, (2,))
    assert "refuses none in crc mode with -95; it allows cephx in crc mode" in str(error)


def test_the_server_decides_among_the_client_s_methods() -> None:
    """AUTH-5: cephx first; where the server knows none of it, method none, because the client allows that too."""
    world = World(replace(SETUPS[-1], mode=Mode.CRC))
    none = NoneServer(world.global_ids)
    client = replace(world.client, methods=(world.client_method, NoneClient(ADMIN)))
    pair = Pair(client, replace(world.server, methods=(none,)))
    pair.pump()
    assert pair.is_ready
    assert only(pair.server_events, Login).method == 1
    assert only(pair.server_events, Denial).method == 2
