"""Faults of our own: plug-ins that raise, streams that break in the middle, settings that make no sense."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from msgr.auth import CephxClient, Dice, GlobalIds, Keys, NoneClient, NoneServer
from msgr.core import ClientConfig, Closed, Config, Connection, MessageReceived, ServerConfig, Timeouts, states
from msgr.errors import AuthError, ConfigError, ConnectionLost, LocalError
from msgr.frame import Mode, Revision, Tag
from msgr.payload import AuthDone, AuthReplyMore, Hello
from msgr.session import Message

from .pair import ADMIN, BYTE_BY_BYTE, CLIENT_AT, MON, SERVER_AT, WAYS, Setup, Way, World, all_of, drain, error_of
from .pair import Dice as Stream
from .reach import client_in, server_in
from .script import CLIENT, GLOBAL_ID, SERVER, Scripted, ScriptedConversation, State
from .test_table import sample


@dataclass(frozen=True, slots=True)
class Faulty(Scripted):
    """A method that fails at one step."""

    step: str = ""
    error: Exception = field(default_factory=RuntimeError)

    def converse(self, dice: Dice, *, now: float) -> FaultyConversation:
        """Open a conversation."""
        self.fail("converse")
        return FaultyConversation(self, self)

    def fail(self, step: str) -> None:
        """Raise, if this is the step."""
        if step == self.step:
            raise self.error


@dataclass(frozen=True, slots=True)
class FaultyConversation(ScriptedConversation):
    """A conversation of a faulty method."""

    faulty: Faulty

    def begin(self, payload: bytes = b"", *, mode: Mode = Mode.CRC) -> Any:
        """Fail, or begin."""
        self.faulty.fail("begin")
        return ScriptedConversation.begin(self, payload, mode=mode)

    def more(self, payload: bytes) -> Any:
        """Fail, or take another step."""
        self.faulty.fail("more")
        return ScriptedConversation.more(self, payload)

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Fail, or return the keys."""
        self.faulty.fail("done")
        return ScriptedConversation.done(self, payload, global_id=global_id, mode=mode)


CALLBACKS: Final = [
    ("client", "converse", states.AwaitHello, Tag.HELLO),
    ("client", "begin", states.AwaitHello, Tag.HELLO),
    ("client", "more", states.AwaitAuthReply, Tag.AUTH_REPLY_MORE),
    ("client", "done", states.AwaitAuthReply, Tag.AUTH_DONE),
    ("server", "converse", states.AwaitAuthRequest, Tag.AUTH_REQUEST),
    ("server", "begin", states.AwaitAuthRequest, Tag.AUTH_REQUEST),
    ("server", "more", states.AwaitAuthMore, Tag.AUTH_REQUEST_MORE),
]


@pytest.mark.parametrize("error", [AuthError("no", rule="TEST-1"), RuntimeError("a bug"), KeyError("a bug")], ids=repr)
@pytest.mark.parametrize(("role", "step", "state", "tag"), CALLBACKS, ids=str)
def test_cve_2026_22992_a_callback_that_fails(role: str, step: str, state: State, tag: Tag, error: Exception) -> None:
    """CVE-2026-22992: a handler's error was not looked at, and the next step ran on nothing.

    Errors of msgr end the connection; any other is a bug, which ends it as well, and comes through to be seen.
    """
    method = Faulty(step=step, error=error)
    if role == "client":
        script = client_in(state, config=replace(CLIENT, methods=(method,)))
    else:
        script = server_in(state, config=replace(SERVER, methods=(method,)))
    if isinstance(error, AuthError):
        script.frame(sample(script, tag))
    else:
        with pytest.raises(type(error)):
            script.frame(sample(script, tag))
    script.collect()
    reason = error_of(script.events)
    if isinstance(error, AuthError):
        assert reason is error
    else:
        assert type(reason) is LocalError
        assert f"{type(error).__name__} while handling what the peer sent, in {state.__name__}" in str(reason)
    script.hear_nothing()
    assert script.frame(sample(script, tag)) == []


def test_cve_2026_22992_nothing_that_came_with_it_is_handled() -> None:
    """CVE-2026-22992: what the peer had sent ahead stays where it is."""
    script = client_in(states.AwaitAuthReply, config=replace(CLIENT, methods=(Faulty(step="more"),)))
    with pytest.raises(RuntimeError):
        script.say(AuthReplyMore(payload=b"next"), AuthDone(global_id=GLOBAL_ID, mode=2, payload=b""))
    assert [type(event) for event in script.collect()] == [Closed]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", BYTE_BY_BYTE, ids=str)
def test_cve_2026_23136_the_next_connection_begins_anew(setup: Setup, way: Way) -> None:
    """CVE-2026-23136: a fault in the middle of a frame left its half to the next connection."""
    world = World(setup)
    message = Message(type=1, front=b"f" * 20, middle=b"m" * 20, data=b"d" * 20)
    size = 1
    cut = 0
    while cut < size:
        pair = world.pair()
        pair.pump()
        assert pair.is_ready
        before = len(pair.wire[way])
        source, sink = (pair.client, pair.server) if way == "to server" else (pair.server, pair.client)
        source.send_message(message)
        wire = b"".join(map(bytes, source.data_to_send()))
        size = len(wire)
        sink.receive_data(wire[:cut], now=pair.now)
        sink.receive_eof()
        event = sink.next_event()
        assert isinstance(event, Closed)
        assert (event.error is None) == (cut == 0)
        assert cut == 0 or isinstance(event.error, ConnectionLost)
        assert len(pair.wire[way]) == before
        cut += 1
    pair = world.pair()
    pair.pump()
    pair.client.send_message(message)
    pair.server.send_message(message)
    pair.pump()
    for events in (pair.client_events, pair.server_events):
        assert [each.message for each in all_of(events, MessageReceived)] == [replace(message, seq=1)]


def test_settings_that_make_no_sense() -> None:
    none = NoneClient(ADMIN)
    with pytest.raises(ConfigError, match="no revision is allowed"):
        Config(name=ADMIN, revisions=frozenset())
    with pytest.raises(ConfigError, match="no authentication method"):
        ClientConfig(name=ADMIN, target=SERVER_AT, methods=())
    with pytest.raises(ConfigError, match=r"can key crc mode only; secure is asked for \[AUTH-2\]"):
        ClientConfig(name=ADMIN, target=SERVER_AT, methods=(none,), modes=(Mode.SECURE,))
    with pytest.raises(ConfigError, match="no authentication method"):
        ServerConfig(name=MON, addresses=(SERVER_AT,), methods=())
    with pytest.raises(ConfigError, match="a server needs an address"):
        ServerConfig(name=MON, methods=(NoneServer(GlobalIds()),))


def test_modes_that_a_method_may_be_used_with() -> None:
    """AUTH-2."""
    world = World()
    cephx, none = world.client_method, NoneClient(ADMIN)
    assert isinstance(cephx, CephxClient)
    plain = replace(world.client, modes=())
    assert (plain.modes_for(cephx), plain.modes_for(none)) == ((Mode.SECURE,), (Mode.CRC,))
    both = replace(world.client, modes=(Mode.SECURE, Mode.CRC))
    assert (both.modes_for(cephx), both.modes_for(none)) == ((Mode.SECURE, Mode.CRC), (Mode.CRC,))


def test_defaults_are_safe() -> None:
    config = ClientConfig(name=ADMIN, target=SERVER_AT, methods=(World().client_method,))
    assert config.revisions == {Revision.REV1}
    assert config.modes_for(config.methods[0]) == (Mode.SECURE,)
    assert config.check_data
    assert config.required >> 59 & 1


def test_the_time_for_a_handshake_is_a_setting() -> None:
    script = server_in(states.AwaitHello, config=replace(SERVER, timeouts=Timeouts(handshake=0.5)))
    assert script.end.next_deadline == script.now + 0.5
    script.end.handle_deadline(now=script.now + 0.5)
    assert "no session after 0.5 s" in str(error_of(script.collect()))


def test_where_no_address_is_known_none_is_told() -> None:
    """A server that is not told its peer's address has nothing to tell; a client tells the address it dialled."""
    world = World()
    server = Connection(world.server, dice=Stream("s"))
    server.start(now=0, wall=0)
    drain(server)
    pair = world.pair()
    server.receive_data(drain(pair.client), now=0)
    hello = Hello.decode(drain(server)[32:-4])
    assert (hello.peer_address.type, hello.peer_address.host) == (0, None)
    pair = world.pair()
    pair.pump()
    assert Hello.decode(bytes(pair.wire["to server"][26 + 32 :])).peer_address == SERVER_AT
    assert Hello.decode(bytes(pair.wire["to client"][26 + 32 :])).peer_address == CLIENT_AT
