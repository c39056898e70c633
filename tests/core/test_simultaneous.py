"""TCP simultaneous open: both ends dialled, in one connection, and the lower address becomes the server."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import CephxClient
from msgr.core import ClientConfig, Connected, Connection, Event, Login, MessageReceived, ServerConfig, states
from msgr.core.admission import Admit
from msgr.errors import (
    ConfigError,
    ConnectionLost,
    FailureKind,
    MsgrError,
    NodeRefused,
    SimultaneousOpen,
    UnexpectedFrame,
)
from msgr.frame import Frame, Mode, Tag
from msgr.payload import AuthBadMethod, Hello, to_frame
from msgr.session import Message, PeerSession, Policies, Policy, SessionTable
from msgr.wire import AddressType, EntityAddr, EntityName

from .pair import BEGIN, SETUPS, WALL, Dice, Setup, World, drain, drain_events, error_of, only
from .reach import client_in
from .script import CLIENT, SERVER, Doorkeeper, Script, parted, refused, request
from .test_node import CLIENT_HELLO, SERVER_HELLO

LOW: Final = EntityAddr.parse("v2:127.0.0.1:6800/1")
HIGH: Final = EntityAddr.parse("v2:127.0.0.1:6801/2")
PEERS: Final = Policies(Policy.lossless_peer())


def socket_of(address: EntityAddr) -> EntityAddr:
    """Return the address as a socket knows it."""
    return replace(address, nonce=0)


class Racers:
    """Two ends that both dialled, and the one stream between them."""

    def __init__(
        self,
        low: ClientConfig,
        high: ClientConfig,
        *,
        at: tuple[EntityAddr, EntityAddr] = (LOW, HIGH),
        sessions: tuple[PeerSession | None, PeerSession | None] = (None, None),
        tables: tuple[SessionTable | None, SessionTable | None] = (None, None),
        own_known: bool = True,
        seed: str = "race",
    ) -> None:
        self.now = BEGIN
        self.events: tuple[list[Event], list[Event]] = ([], [])
        self.ends = tuple(
            Connection(
                config,
                dice=Dice(f"{seed}/{index}"),
                peer_address=socket_of(at[1 - index]),
                own_address=socket_of(at[index]) if own_known else None,
                session=sessions[index],
                sessions=tables[index],
            )
            for index, config in enumerate((low, high))
        )
        for end in self.ends:
            end.start(now=self.now, wall=WALL)

    def pump(self, piece: int = 1 << 20, first: int = 0) -> None:
        """Carry bytes both ways until there are none left; `first` says whose go first."""
        moved = True
        while moved:
            moved = False
            for index in (first, 1 - first):
                data = drain(self.ends[index])
                moved |= bool(data)
                for start in range(0, len(data), piece):
                    self.ends[1 - index].receive_data(data[start : start + piece], now=self.now)
            for end, events in zip(self.ends, self.events, strict=True):
                events += drain_events(end)

    @property
    def is_ready(self) -> bool:
        """Whether both ends have a session."""
        return all(isinstance(end.state, states.Ready) for end in self.ends)

    def errors(self) -> list[MsgrError]:
        """Return why both ended."""
        for end, events in zip(self.ends, self.events, strict=True):
            end.receive_eof()
            events += drain_events(end)
        errors = [error_of(events) for events in self.events]
        return [error for error in errors if error is not None]


def racers(setup: Setup, *, extended: bool = False) -> tuple[ClientConfig, ClientConfig]:
    """Return what two peers are told that are clients and servers, of one cluster."""
    world = World(setup)
    configs = []
    for own, other, hello in ((LOW, HIGH, CLIENT_HELLO), (HIGH, LOW, SERVER_HELLO)):
        name = EntityName.parse(f"osd.{own.nonce}")
        node = Doorkeeper(Admit(), hello) if extended else None
        method = world.client_method
        if setup.is_secure:
            method = CephxClient(world.client.name, world.key)
        server = replace(world.server, name=name, addresses=(own,), policies=PEERS, node=node)
        configs.append(
            replace(
                world.client,
                name=name,
                addresses=(own,),
                target=other,
                methods=(method,),
                node=node,
                as_server=server,
            )
        )
    low, high = configs
    return low, high


@pytest.mark.parametrize("extended", [False, True], ids=["plain", "extended"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_two_dialling_ends_agree_on_a_server(setup: Setup, piece: int, first: int, extended: bool) -> None:
    """Demands 75, 76 and 79: one usable connection, in no more time than any other."""
    race = Racers(*racers(setup, extended=extended))
    race.pump(piece, first)
    assert race.is_ready
    low, high = race.ends
    assert (low.dialled, high.dialled) == (False, True)
    for events in race.events:
        assert only(events, Login).mode is setup.mode
    assert only(race.events[0], Login).identity is not None
    assert only(race.events[0], Connected).peer.addresses == (HIGH,)
    assert only(race.events[1], Connected).peer.addresses == (LOW,)
    assert (only(race.events[0], Connected).peer.node == SERVER_HELLO) is extended
    low.send_message(Message(type=1, front=b"from the server"))
    high.send_message(Message(type=1, front=b"from the client"))
    race.pump(piece)
    assert only(race.events[1], MessageReceived).message.front == b"from the server"
    assert only(race.events[0], MessageReceived).message.front == b"from the client"


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("setup", SETUPS[-2:], ids=str)
def test_a_session_of_before_goes_on(setup: Setup, first: int) -> None:
    """SIMOPEN-4: it is taken up again by whichever end becomes the client, and nothing is lost."""
    low, high = racers(setup)
    sessions = (PeerSession(Policy.lossless_peer(), (HIGH,)), PeerSession(Policy.lossless_peer(), (LOW,)))
    tables = (SessionTable(), SessionTable())
    for table, session in zip(tables, sessions, strict=True):
        table.register(session)
    race = Racers(low, high, sessions=sessions, tables=tables)
    race.pump(first=first)
    assert race.is_ready
    for end, text in zip(race.ends, (b"from low", b"from high"), strict=True):
        end.send_message(Message(type=1, front=text))
        drain(end)  # it never arrives
    for end, session in zip(race.ends, sessions, strict=True):
        end.lose(ConnectionLost("reset"))
        session.connect_seq += 1  # both dial
    again = Racers(low, high, sessions=sessions, tables=tables, seed="again")
    again.pump(first=first)
    assert again.is_ready
    for events, text in zip(again.events, (b"from high", b"from low"), strict=True):
        assert only(events, Connected).resumed
        assert only(events, MessageReceived).message.front == text


def test_a_socket_that_is_connected_to_itself() -> None:
    """Demand 80, SIMOPEN-2."""
    low, _ = racers(SETUPS[0])
    alone = Connection(
        replace(low, target=LOW), dice=Dice("self"), peer_address=socket_of(LOW), own_address=socket_of(LOW)
    )
    alone.start(now=BEGIN, wall=WALL)
    events: list[Event] = []
    while data := drain(alone):
        alone.receive_data(data, now=BEGIN)
        events += drain_events(alone)
    error = error_of(events)
    assert isinstance(error, SimultaneousOpen)
    assert (error.rule, error.kind) == ("SIMOPEN-2", FailureKind.TRANSIENT)
    assert "connected to itself: both ends are at v2:127.0.0.1:6800/0" in str(error)


@pytest.mark.parametrize("extended", [False, True], ids=["plain", "extended"])
def test_an_end_that_is_no_server(extended: bool) -> None:
    """SIMOPEN-3: neither goes on, and both say that another try may do."""
    configs = [replace(config, as_server=None) for config in racers(SETUPS[0], extended=extended)]
    race = Racers(configs[0], configs[1])
    race.pump()
    errors = race.errors()
    assert {error.kind for error in errors} == {FailureKind.TRANSIENT}
    noted = [error for error in errors if isinstance(error, SimultaneousOpen)]
    assert noted
    assert {error.rule for error in noted} == {"SIMOPEN-3"}
    others = [error for error in errors if error not in noted]
    assert [type(error) for error in others] == [NodeRefused if extended else ConnectionLost] * len(others)


def dialling(seen_as: str, own: str | None, *, peer: str = "v2:127.0.0.1:6801/0") -> Script:
    """Return a client that waits for the answer to its AUTH_REQUEST, with these addresses."""
    config = replace(CLIENT, modes=(Mode.CRC,), as_server=replace(SERVER, modes=(Mode.CRC,)))
    script = Script(config)
    script.end = Connection(
        config,
        dice=Dice("script"),
        peer_address=EntityAddr.parse(peer),
        own_address=None if own is None else EntityAddr.parse(own),
    )
    script.end.start(now=script.now, wall=WALL)
    script.banner()
    script.hear(Hello)
    seen = EntityAddr.parse(seen_as) if seen_as else EntityAddr(AddressType.NONE)
    script.say(Hello(entity_type=1, peer_address=seen))
    script.hear_frames()
    script.collect()
    script.events.clear()
    return script


@pytest.mark.parametrize(
    ("seen_as", "own", "peer", "lower"),
    [
        ("v2:127.0.0.1:6800/0", "v2:127.0.0.1:6800/0", "v2:127.0.0.1:6801/0", True),
        ("v2:127.0.0.1:6802/0", "v2:127.0.0.1:6802/0", "v2:127.0.0.1:6801/0", False),
        ("v2:127.0.0.1:6800/0", None, "v2:127.0.0.1:6801/0", True),
        ("v2:127.0.0.2:1/0", None, "v2:127.0.0.1:6801/0", False),
        ("v2:9.0.0.1:6801/0", None, "v2:10.0.0.1:6801/0", True),
        ("v2:127.0.0.1:256/0", None, "v2:127.0.0.1:255/0", False),
        ("v2:[fd00::1]:6800/0", None, "v2:[fd00::2]:6800/0", True),
        ("any:127.0.0.1:6800/7", "v2:127.0.0.1:6800/9", "v2:127.0.0.1:6801/0", True),
    ],
)
def test_which_address_is_the_lower(seen_as: str, own: str | None, peer: str, lower: bool) -> None:
    """Demand 19 and demand 84: by IP address, then by port; types and nonces do not count."""
    script = dialling(seen_as, own, peer=peer)
    script.frame(to_frame(request(b"M", (Mode.CRC,))))
    assert script.collect() == []
    if lower:
        assert type(script.end.state) is states.AwaitAuthMore
        assert [frame.tag for frame in script.hear_frames()] == [Tag.AUTH_REPLY_MORE]
        assert not script.end.dialled
    else:
        assert type(script.end.state) is states.AwaitAuthReply
        assert script.end.state.raced
        script.hear_nothing()


@pytest.mark.parametrize(
    ("seen_as", "own", "words"),
    [
        ("", None, "both ends dialled, and their addresses are not known"),
        ("v2:10.0.0.9:6800/0", "v2:127.0.0.1:6800/0", "the peer sees us at v2:10.0.0.9:6800/0, our socket is at"),
        ("v2:127.0.0.1:6800/0", "v2:127.0.0.1:6799/0", "our socket is at v2:127.0.0.1:6799/0"),
    ],
)
def test_addresses_that_do_not_tell(seen_as: str, own: str | None, words: str) -> None:
    """Demand 76 and demand 78: where somebody translates addresses, the ends might not agree."""
    script = dialling(seen_as, own)
    script.frame(to_frame(request(b"M", (Mode.CRC,))))
    error = refused(script, SimultaneousOpen, "SIMOPEN-3")
    assert words in str(error)
    assert error.kind is FailureKind.TRANSIENT


def test_a_second_request_is_one_too_many() -> None:
    script = dialling("v2:127.0.0.1:6802/0", None)
    for _ in range(2):
        script.frame(to_frame(request(b"M", (Mode.CRC,))))
    assert refused(script, UnexpectedFrame, "STATE-1").allowed == ("AUTH_DONE",)


def test_a_refused_request_is_tried_again_after_a_race() -> None:
    """The end that became the client is one like any other."""
    script = dialling("v2:127.0.0.1:6802/0", None)
    script.frame(to_frame(request(b"M", (Mode.CRC,))))
    script.say(AuthBadMethod(method=77, result=-13, allowed_methods=(78,), allowed_modes=(1,)))
    assert [frame.tag for frame in script.hear_frames()] == [Tag.AUTH_REQUEST]


def test_before_and_after_that_step_it_is_a_frame_in_the_wrong_place() -> None:
    for state in (states.AwaitHello, states.AwaitAuthStep, states.AwaitSignature, states.AwaitServerIdent):
        script = client_in(state, config=replace(CLIENT, as_server=SERVER))
        script.frame(to_frame(request(b"M")))
        refused(script, UnexpectedFrame, "STATE-1")


def test_the_end_that_turned_server_is_one_in_all_that_follows() -> None:
    """Tables, errors and directions are those of a server."""
    script = dialling("v2:127.0.0.1:6800/0", None)
    script.frame(to_frame(request(b"M", (Mode.CRC,))))
    script.hear_frames()
    script.frame(Frame(Tag.AUTH_DONE, (b"?",)))
    error = refused(script, UnexpectedFrame, "STATE-1")
    assert error.state == "AwaitAuthMore"
    assert error.step is not None
    assert str(error.step).startswith("incoming, in AwaitAuthMore")


def test_one_banner_for_both_parts() -> None:
    """The banner is sent before it is known which of the two this end is."""
    server: ServerConfig = replace(SERVER, node=Doorkeeper())
    with pytest.raises(ConfigError, match="another banner"):
        replace(CLIENT, as_server=server)
    assert replace(CLIENT, node=Doorkeeper(), as_server=server).as_server is server


def test_an_extended_end_tells_why_it_cannot() -> None:
    script = client_in(states.AwaitAuthReply, config=replace(CLIENT, node=Doorkeeper()))
    script.frame(to_frame(request(b"M")))
    error = parted(script, SimultaneousOpen, "SIMOPEN-3")
    assert "as if both ends had dialled; this one is no server" in str(error)


hosts = st.ip_addresses() | st.sampled_from([ip_address("127.0.0.1"), ip_address("127.0.0.2")])
sockets = st.builds(
    lambda host, port: f"v2:{f'[{host}]' if host.version == 6 else host}:{port}/0", hosts, st.integers(1, 65535)
)


@given(one=sockets, other=sockets)
def test_of_two_ends_exactly_one_becomes_the_server(one: str, other: str) -> None:
    """Demand 76: whatever their addresses are, unless they are the same."""
    turned = 0
    for own, peer in ((one, other), (other, one)):
        script = dialling(own, own, peer=peer)
        script.frame(to_frame(request(b"M", (Mode.CRC,))))
        if one == other:
            refused(script, SimultaneousOpen, "SIMOPEN-2")
        else:
            turned += type(script.end.state) is states.AwaitAuthMore
    assert turned == (one != other)
