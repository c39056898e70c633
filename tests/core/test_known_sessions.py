"""A client that comes to a server which knows a session of its address."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgr.core import Connected, states
from msgr.payload import ServerIdent, Wait
from msgr.session import PeerSession, Phase, Policies, Policy, SessionTable

from .pair import only
from .reach import server_in
from .script import CLIENT_IDENT, SERVER

COOKIE: Final = 77
IDENT: Final = replace(CLIENT_IDENT, flags=0, cookie=COOKIE, global_seq=9)
PEERS: Final = replace(SERVER, policies=Policies(Policy.lossless_peer()))


def known(phase: Phase) -> tuple[SessionTable, PeerSession]:
    """Return a table with a session of the client, over no connection."""
    table, session = SessionTable(), PeerSession(Policy.lossless_peer(), CLIENT_IDENT.addresses)
    session.phase = phase
    table.register(session)
    return table, session


def test_one_that_is_over_makes_room_for_another() -> None:
    """SESSION-IDENT-6, where no connection is left that would have to end."""
    table, session = known(Phase.CLOSED)
    script = server_in(states.AwaitClientIdent, config=PEERS, sessions=table)
    script.say(IDENT)
    script.hear(ServerIdent)
    begun = only(script.events, Connected).session
    assert begun is not session
    assert table.find(CLIENT_IDENT.addresses) is begun


def test_one_that_another_connection_is_taking_over_is_waited_for() -> None:
    """SESSION-IDENT-7: nobody is nudged, as there is nothing to make sure of."""
    table, session = known(Phase.REPLACING)
    script = server_in(states.AwaitClientIdent, config=PEERS, sessions=table)
    script.say(IDENT)
    script.hear(Wait)
    assert isinstance(script.end.state, states.AwaitClientIdent)
    assert table.find(CLIENT_IDENT.addresses) is session
