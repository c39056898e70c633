"""Connections of a client and a server with method none, and a pair of them."""

from __future__ import annotations

from typing import Any

from msgr.auth import GlobalIds, NoneClient, NoneServer
from msgr.core import ClientConfig, Connection, MessageReceived, ServerConfig
from msgr.frame import Revision
from msgr.session import Message, PeerSession, Policies, Policy, SessionTable
from msgr.testing import ConnectionPair, End, FixedDice, Probes
from msgr.wire import EntityAddr, EntityName

AT = EntityAddr.parse("v2:127.0.0.1:6789")
CLIENT = EntityName.parse("client.a")


def client(session: PeerSession | None = None, *, seed: int = 1, **options: Any) -> Connection:
    """Return a connection that dials."""
    config = ClientConfig(name=CLIENT, target=AT, methods=(NoneClient(CLIENT),), **options)
    return Connection(config, dice=FixedDice(seed), session=session)


def server(
    sessions: SessionTable | None = None, *, seed: int = 2, trace: Probes | None = None, **options: Any
) -> Connection:
    """Return a connection that accepts."""
    config = ServerConfig(
        name=EntityName.parse("mds.a"),
        addresses=(AT,),
        methods=(NoneServer(GlobalIds()),),
        policies=Policies(Policy.stateful_server() if sessions is not None else Policy.stateless_server()),
        **options,
    )
    return Connection(config, dice=FixedDice(seed), sessions=sessions, trace=trace)


def pair(revision: Revision = Revision.REV1, *, trace: Probes | None = None) -> ConnectionPair:
    """Return a client and a server that have said nothing yet."""
    revisions = frozenset({revision})
    return ConnectionPair(client(revisions=revisions), server(revisions=revisions, trace=trace))


def messages(end: End) -> list[Message]:
    """Return the messages that one end was sent."""
    return [event.message for event in end.events if isinstance(event, MessageReceived)]
