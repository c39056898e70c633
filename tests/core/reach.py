"""How a peer brings a connection of either role into each of its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from msgr.core import ClientConfig, ServerConfig, states
from msgr.frame import Mode, Revision
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
    ServerIdent,
    SessionReconnect,
)
from msgr.session import PeerSession, Policy, SessionTable

from .pair import ADMIN, CLIENT_AT, MON, SERVER_AT
from .script import CLIENT, CLIENT_IDENT, GLOBAL_ID, SERVER, SERVER_IDENT, Script, State, request


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


def client_in(
    state: State, *, revision: Revision = Revision.REV1, mode: Mode = Mode.SECURE, config: ClientConfig = CLIENT
) -> Script:
    """Return a client in that state, and its peer."""
    session = None
    if state is states.AwaitReconnectOk:
        session = PeerSession(Policy.lossless_peer(), (SERVER_AT,))
        session.client_cookie, session.server_cookie, session.connect_seq = 5, 7, 1
    return _brought(
        Script(replace(config, modes=(mode,)), revision=revision, session=session), CLIENT_STEPS[state], state
    )


def server_in(
    state: State,
    *,
    revision: Revision = Revision.REV1,
    mode: Mode = Mode.SECURE,
    config: ServerConfig = SERVER,
    sessions: SessionTable | None = None,
) -> Script:
    """Return a server in that state, and its peer."""
    script = Script(replace(config, modes=(mode,)), revision=revision, sessions=sessions)
    return _brought(script, SERVER_STEPS[state], state)


def _brought(script: Script, steps: tuple[_Step, ...], state: State) -> Script:
    for step in steps:
        step(script)
    assert type(script.end.state) is state
    script.collect()
    script.events.clear()
    return script
