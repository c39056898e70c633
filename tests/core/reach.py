"""How a peer brings a connection of either role into each of its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from msgr.core import ClientConfig, ServerConfig, states
from msgr.frame import Frame, Mode, Revision
from msgr.payload import (
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Hello,
    NodeAccept,
    NodeHello,
    NodeReject,
    ServerIdent,
    SessionReconnect,
    of_frame,
)
from msgr.session import PeerSession, Policy, SessionTable

from .pair import ADMIN, CLIENT_AT, MON, SERVER_AT
from .script import CLIENT, CLIENT_IDENT, GLOBAL_ID, LATER, NODE_HELLO, SERVER, SERVER_IDENT, Script, State, request


def _banner(script: Script) -> None:
    script.banner()
    script.hear(Hello)


def _client_hello(script: Script) -> None:
    script.say(Hello(entity_type=MON.type, peer_address=CLIENT_AT))
    script.hear(AuthRequest)


def _client_more(script: Script) -> None:
    script.say(AuthReplyMore(payload=b"next"))
    script.hear(AuthRequestMore)


def _client_done(script: Script) -> None:
    (mode,) = script.config.modes
    script.say(AuthDone(global_id=GLOBAL_ID, mode=mode, payload=b""))
    script.switch(mode)
    assert script.hear(AuthSignature) == script.expected_signature()


def _client_signature(script: Script) -> None:
    script.say(script.signature())
    script.hear(CompressionRequest)


def _client_compression(script: Script) -> None:
    script.say(CompressionDone(on=False, algorithm=0))
    script.hear(ClientIdent)


def _client_reconnect(script: Script) -> None:
    script.say(CompressionDone(on=False, algorithm=0))
    script.hear(SessionReconnect)


def _client_ident(script: Script) -> None:
    script.say(SERVER_IDENT)
    script.hear_nothing()


def _server_hello(script: Script) -> None:
    script.say(Hello(entity_type=ADMIN.type, peer_address=SERVER_AT))
    script.hear_nothing()


def _server_request(script: Script) -> None:
    script.say(request(b"M", script.config.modes))
    script.hear(AuthReplyMore)


def _server_deny(script: Script) -> None:
    script.say(AuthRequestMore(payload=b"no"))
    script.hear_frames()


def _server_done(script: Script) -> None:
    (mode,) = script.config.modes
    script.say(AuthRequestMore(payload=b"D"))
    script.hear_first(AuthDone)
    script.switch(mode)
    assert script.hear(AuthSignature) == script.expected_signature()


def _server_signature(script: Script) -> None:
    script.say(script.signature())
    script.hear_nothing()


def _server_compression(script: Script) -> None:
    script.say(CompressionRequest(wanted=False, algorithms=()))
    script.hear(CompressionDone)


def _server_ident(script: Script) -> None:
    script.say(CLIENT_IDENT)
    script.hear(ServerIdent)


def _end(script: Script) -> None:
    script.end.close()


_Step: TypeAlias = Callable[[Script], object]
_TO_CLIENT_AUTH: Final[tuple[_Step, ...]] = (_banner, _client_hello)
_TO_CLIENT_IDENT: Final[tuple[_Step, ...]] = (*_TO_CLIENT_AUTH, _client_done, _client_signature, _client_compression)
CLIENT_STEPS: Final[Mapping[State, tuple[_Step, ...]]] = MappingProxyType(
    {
        states.AwaitBanner: (),
        states.AwaitHello: _TO_CLIENT_AUTH[:1],
        states.AwaitAuthReply: _TO_CLIENT_AUTH,
        states.AwaitAuthStep: (*_TO_CLIENT_AUTH, _client_more),
        states.AwaitSignature: _TO_CLIENT_IDENT[:3],
        states.AwaitCompressionDone: _TO_CLIENT_IDENT[:4],
        states.AwaitServerIdent: _TO_CLIENT_IDENT,
        states.AwaitReconnectOk: (*_TO_CLIENT_IDENT[:4], _client_reconnect),
        states.Ready: (*_TO_CLIENT_IDENT, _client_ident),
        states.Ended: (_end,),
    }
)
"""How a peer brings a client into each of its states."""

_TO_SERVER_AUTH: Final[tuple[_Step, ...]] = (_banner, _server_hello, _server_request)
_TO_SERVER_IDENT: Final[tuple[_Step, ...]] = (*_TO_SERVER_AUTH, _server_done, _server_signature, _server_compression)
SERVER_STEPS: Final[Mapping[State, tuple[_Step, ...]]] = MappingProxyType(
    {
        states.AwaitBanner: (),
        states.AwaitHello: _TO_SERVER_AUTH[:1],
        states.AwaitAuthRequest: _TO_SERVER_AUTH[:2],
        states.AwaitAuthMore: _TO_SERVER_AUTH,
        states.AwaitEnd: (*_TO_SERVER_AUTH, _server_deny),
        states.AwaitSignature: _TO_SERVER_IDENT[:4],
        states.AwaitCompressionRequest: _TO_SERVER_IDENT[:5],
        states.AwaitClientIdent: _TO_SERVER_IDENT,
        states.Ready: (*_TO_SERVER_IDENT, _server_ident),
        states.Ended: (_end,),
    }
)
"""How a peer brings a server into each of its states."""


def _client_node(script: Script) -> None:
    script.say(CompressionDone(on=False, algorithm=0))
    assert script.hear(NodeHello) == NODE_HELLO


def _client_judges(script: Script) -> None:
    script.say(NODE_HELLO)
    script.hear_nothing()


def _client_accepted(script: Script) -> None:
    script.say(NodeAccept())
    script.hear(ClientIdent)


def _client_resumes(script: Script) -> None:
    script.say(NodeAccept())
    script.hear(SessionReconnect)


def _server_node(script: Script) -> None:
    script.say(CompressionRequest(wanted=False, algorithms=()))
    _, told = script.hear_frames()
    assert of_frame(told) == NODE_HELLO


def _server_accepts(script: Script) -> None:
    script.say(NODE_HELLO)
    script.hear(NodeAccept)


def _server_judges(script: Script) -> None:
    script.say(NODE_HELLO)
    script.hear_nothing()


def _part(script: Script) -> None:
    script.frame(Frame(99, (b"?",)))
    script.hear(NodeReject)


_TO_CLIENT_NODE: Final[tuple[_Step, ...]] = (*_TO_CLIENT_IDENT[:4], _client_node)
_TO_CLIENT_LAST: Final[tuple[_Step, ...]] = (*_TO_CLIENT_NODE, _client_judges, _client_accepted)
EXTENDED_CLIENT_STEPS: Final[Mapping[State, tuple[_Step, ...]]] = MappingProxyType(
    {
        **CLIENT_STEPS,
        states.AwaitNodeHello: _TO_CLIENT_NODE,
        states.AwaitOwner: (*_TO_CLIENT_NODE, _client_judges),
        states.AwaitNodeVerdict: (*_TO_CLIENT_NODE, _client_judges),
        states.AwaitServerIdent: _TO_CLIENT_LAST,
        states.AwaitReconnectOk: (*_TO_CLIENT_LAST[:-1], _client_resumes),
        states.Ready: (*_TO_CLIENT_LAST, _client_ident),
        states.Parting: (*_TO_CLIENT_NODE, _part),
    }
)
"""The same for a client on a connection whose banners have MSGR_EXT."""

_TO_SERVER_NODE: Final[tuple[_Step, ...]] = (*_TO_SERVER_IDENT[:5], _server_node)
EXTENDED_SERVER_STEPS: Final[Mapping[State, tuple[_Step, ...]]] = MappingProxyType(
    {
        **SERVER_STEPS,
        states.AwaitNodeHello: _TO_SERVER_NODE,
        states.AwaitOwner: (*_TO_SERVER_NODE, _server_judges),
        states.AwaitClientIdent: (*_TO_SERVER_NODE, _server_accepts),
        states.Ready: (*_TO_SERVER_NODE, _server_accepts, _server_ident),
        states.Parting: (*_TO_SERVER_NODE, _part),
    }
)
"""The same for a server on a connection whose banners have MSGR_EXT."""


def client_in(
    state: State, *, revision: Revision = Revision.REV1, mode: Mode = Mode.SECURE, config: ClientConfig = CLIENT
) -> Script:
    """Return a client in that state, and its peer."""
    session = None
    if state is states.AwaitReconnectOk:
        session = PeerSession(Policy.lossless_peer(), (SERVER_AT,))
        session.client_cookie, session.server_cookie, session.connect_seq = 5, 7, 1
    config = replace(config, modes=(mode,))
    if config.node is not None and state is states.AwaitOwner:
        config = replace(config, node=LATER)
    steps = CLIENT_STEPS if config.node is None else EXTENDED_CLIENT_STEPS
    return _brought(Script(config, revision=revision, session=session), steps[state], state)


def server_in(
    state: State,
    *,
    revision: Revision = Revision.REV1,
    mode: Mode = Mode.SECURE,
    config: ServerConfig = SERVER,
    sessions: SessionTable | None = None,
) -> Script:
    """Return a server in that state, and its peer."""
    config = replace(config, modes=(mode,))
    if config.node is not None and state is states.AwaitOwner:
        config = replace(config, node=LATER)
    steps = SERVER_STEPS if config.node is None else EXTENDED_SERVER_STEPS
    return _brought(Script(config, revision=revision, sessions=sessions), steps[state], state)


def _brought(script: Script, steps: tuple[_Step, ...], state: State) -> Script:
    for step in steps:
        step(script)
    assert type(script.end.state) is state
    script.collect()
    script.events.clear()
    return script
