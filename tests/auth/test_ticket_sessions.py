"""Tickets over real connections: got from one server, renewed there, and shown to another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

import msgr
from msgr.auth import AuthMethod, CephxClient, CephxServiceServer, ClientMethod, ServerMethod, TicketDesk
from msgr.errors import AuthRefused, StateError
from msgr.frame import Mode
from msgr.net import Runtime
from msgr.wire import EntityName, EntityType

from .helpers import ADMIN, BOTH, MODES, NOW, Office, dice_of, key_of

pytestmark = pytest.mark.anyio

SOON = 5.0
RUNTIME = Runtime(wall=lambda: NOW)
ASK = 17
OSD = EntityType.OSD


@asynccontextmanager
async def served(name: str, method: ServerMethod) -> AsyncIterator[tuple[str, msgr.Messenger]]:
    async with msgr.serve("v2:127.0.0.1:0", name=name, auth=[method], modes=MODES, runtime=RUNTIME) as server:
        with anyio.fail_after(SOON):
            yield str(server.addresses[0]), server


@asynccontextmanager
async def dialled(address: str, method: ClientMethod, mode: Mode = Mode.SECURE) -> AsyncIterator[msgr.Session]:
    async with msgr.connect(address, name=str(ADMIN), auth=[method], modes=[mode], runtime=RUNTIME) as session:
        yield session


def test_all_are_methods() -> None:
    office = Office()
    client = office.client()
    methods: list[ClientMethod | ServerMethod] = [
        client.service(OSD),
        msgr.auth.CephxMonitorPeer(office.key),
        CephxServiceServer.for_monitors(office.key),
    ]
    for method in methods:
        assert method.number == AuthMethod.CEPHX
        assert method.modes == {Mode.CRC, Mode.SECURE}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("mode", MODES)
async def test_from_the_monitor_to_an_osd(kind: msgr.auth.KeyType, mode: Mode) -> None:
    """A ticket that came by renewal opens a session with a service that has only the secrets of its kind."""
    office = Office(kind)
    office.keyring.add("osd.0", key_of(kind, "osd.0"))
    client = office.client()
    osd = CephxClient(EntityName.parse("osd.0"), key_of(kind, "osd.0"))
    async with served("mon.a", office.server) as (monitor, mon):
        async with dialled(monitor, osd, mode) as session:
            request = osd.rotating()
            secrets = request.accept(await ask(session, mon, request.payload))
        async with dialled(monitor, client, mode) as session:
            client.need(OSD)
            renewal = client.renewal(dice_of("renewal"), NOW)
            assert renewal is not None
            renewal.accept(await ask(session, mon, renewal.payload))
    async with (
        served("osd.0", CephxServiceServer(OSD, secrets)) as (address, server),
        dialled(address, client.service(OSD), mode) as session,
    ):
        login = (await anext(server)).peer.login
        assert login.identity is not None
        assert (login.identity.name, login.global_id, login.mode) == (ADMIN, client.global_id, mode)
        assert login.identity.caps == {"osd": "allow rwx"}
        assert session.peer.login.global_id == client.global_id


async def ask(session: msgr.Session, server: msgr.Messenger, payload: bytes) -> bytes:
    """Send a request to the desk of the other end's session, and return the answer."""
    await session.send(msgr.Message(type=ASK, front=payload))
    theirs = await anext(server)
    message = await theirs.receive()
    identity = theirs.peer.login.identity
    assert identity is not None
    desk: TicketDesk | None = identity.desk
    assert desk is not None
    result, reply = desk.answer(bytes(message.front), now=NOW)
    assert result == 0
    await theirs.send(msgr.Message(type=ASK, front=reply))
    return bytes((await session.receive()).front)


async def test_without_a_ticket_nobody_is_asked() -> None:
    office = Office()
    async with served("osd.0", CephxServiceServer(OSD, office.secrets)) as (address, server):
        with pytest.raises(StateError, match="AUTHORIZER-12"):
            async with dialled(address, office.client().service(OSD)):
                pass
        assert not server.sessions


async def test_a_service_does_not_take_a_proof() -> None:
    office = Office()
    async with served("osd.0", CephxServiceServer(OSD, office.secrets)) as (address, _):
        with pytest.raises(AuthRefused) as caught:
            async with dialled(address, office.client()):
                pass
        assert caught.value.result == -13
