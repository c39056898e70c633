"""Two nodes introduce themselves behind banner bit 48, and each lets the other in or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pytest

from msgr.core import Closed, Config, Connected, Connection, Event, Login, MessageReceived, states
from msgr.core.admission import Admission, Admit, Applicant, Later, Reject
from msgr.core.admission import Verdict as NodeVerdict
from msgr.core.events import NodeAccepted, NodeMet
from msgr.errors import (
    ConnectionLost,
    FailureKind,
    IdentError,
    MsgrError,
    NodeRefused,
    PeerError,
    StateError,
    UnexpectedFrame,
)
from msgr.frame import Frame, NodeTag, Revision, Tag, nonce
from msgr.payload import ClientIdent, NodeAccept, NodeHello, NodeReject, Purpose, RejectKind, to_frame
from msgr.session import Message
from msgr.wire import BannerFeature

from .pair import CLIENT_AT, SETUPS, WAYS, Pair, Setup, Way, World, drain_events, error_of, only
from .reach import client_in, server_in
from .script import (
    ADMIT,
    CLIENT_IDENT,
    EXTENDED_CLIENT,
    EXTENDED_SERVER,
    NODE_HELLO,
    REJECT,
    SERVER_IDENT,
    Doorkeeper,
    Script,
    parted,
    refused,
)
from .test_flips import flip

CLIENT_HELLO: Final = NodeHello(cluster="prod", node=1, host="dials.example")
SERVER_HELLO: Final = NodeHello(cluster="prod", node=2, host="accepts.example")
KINDS: Final = [
    (RejectKind.PERMANENT, FailureKind.PERMANENT),
    (RejectKind.TRANSIENT, FailureKind.TRANSIENT),
    (RejectKind.SESSION_MISMATCH, FailureKind.SESSION_MISMATCH),
]


@dataclass(slots=True)
class Judge:
    """An admission that keeps what it was asked."""

    introduction: NodeHello
    verdict: NodeVerdict = ADMIT
    asked: list[tuple[NodeHello, Login, bool]] = field(default_factory=list)

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""
        return self.introduction

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> NodeVerdict:
        """Note who asks, and return the verdict."""
        self.asked.append((hello, login, dialled))
        return self.verdict


def nodes(
    client: Admission | None, server: Admission | None, *, world: World | None = None, seed: str = "pair"
) -> Pair:
    """Return two ends with these admissions."""
    world = world or World()
    return Pair(replace(world.client, node=client), replace(world.server, node=server), seed=seed)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_two_nodes_meet(setup: Setup, piece: int) -> None:
    """Demands 11 and 13: both ends know which node the other is, and who may come in was asked at both. Demand 91."""
    ours, theirs = Judge(CLIENT_HELLO), Judge(SERVER_HELLO, Admit(reverse_checked=True))
    pair = nodes(ours, theirs, world=World(setup))
    pair.pump(piece)
    assert pair.is_ready
    met = only(pair.client_events, NodeMet)
    assert met.hello == SERVER_HELLO
    assert ours.asked == [(SERVER_HELLO, met.login, True)]
    assert only(pair.client_events, NodeAccepted).accept == NodeAccept(reverse_checked=True)
    assert only(pair.client_events, Connected).peer.node == SERVER_HELLO
    ((hello, login, dialled),) = theirs.asked
    assert (hello, dialled) == (CLIENT_HELLO, False)
    assert login.identity is not None
    assert only(pair.server_events, Connected).peer.node == CLIENT_HELLO
    pair.client.send_message(Message(type=1, front=b"in"))
    pair.pump()
    assert only(pair.server_events, MessageReceived).message.front == b"in"


@pytest.mark.parametrize("offering", ["client", "server"])
def test_one_end_offers_and_the_other_does_not(offering: str) -> None:
    judge = Judge(CLIENT_HELLO)
    pair = nodes(judge if offering == "client" else None, judge if offering == "server" else None)
    pair.pump()
    assert pair.is_ready
    assert judge.asked == []
    assert only(pair.client_events, Connected).peer.node is None
    assert only(pair.server_events, Connected).peer.node is None


def test_the_bit_is_supported_and_never_required() -> None:
    """NODE-1."""
    world = World()
    for config in (world.client, world.server):
        assert not config.banner_features & BannerFeature.MSGR_EXT
        extended = replace(config, node=Judge(CLIENT_HELLO))
        assert extended.banner_features == config.banner_features | 1 << 48


@pytest.mark.parametrize("tag", NodeTag)
@pytest.mark.parametrize("role", ["client", "server"])
def test_a_private_frame_without_the_bit_is_a_frame_in_the_wrong_place(role: str, tag: NodeTag) -> None:
    """It is as any unknown tag: no answer, no fallback."""
    state = states.AwaitServerIdent if role == "client" else states.AwaitClientIdent
    script = client_in(state) if role == "client" else server_in(state)
    script.frame(Frame(tag, (b"?",)))
    assert refused(script, UnexpectedFrame, "STATE-1").got == tag.name


@pytest.mark.parametrize("rejecting", ["client", "server"])
@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_a_verdict_is_known_at_both_ends(rejecting: str, number: RejectKind, kind: FailureKind) -> None:
    """Demand 7 and demand 30: who is refused knows why, and whether to come again."""
    no = Judge(SERVER_HELLO, Reject(kind=number, rule="NODE-3", reason="cluster beta is not let in"))
    yes = Judge(CLIENT_HELLO)
    pair = nodes(*((no, yes) if rejecting == "client" else (yes, no)))
    pair.pump()
    refusing, told = (pair.client, pair.server) if rejecting == "client" else (pair.server, pair.client)
    refusing_events, told_events = (
        (pair.client_events, pair.server_events) if rejecting == "client" else (pair.server_events, pair.client_events)
    )
    error = error_of(told_events)
    assert isinstance(error, NodeRefused)
    assert (error.reason, error.kind, error.rule, error.by_peer) == (
        "cluster beta is not let in",
        kind,
        "NODE-3",
        True,
    )
    assert str(error) == "the peer says: cluster beta is not let in [NODE-3]"
    assert kind.value in error.explain()
    assert isinstance(told.state, states.Ended)
    assert isinstance(refusing.state, states.Parting)
    refusing.receive_eof()
    refusing_events += drain_events(refusing)
    own = error_of(refusing_events)
    assert isinstance(own, NodeRefused)
    assert (own.reason, own.kind, own.rule, own.by_peer) == ("cluster beta is not let in", kind, "NODE-3", False)


@pytest.mark.parametrize("how", ["eof", "reset", "time", "closed"])
def test_after_a_no_the_peer_is_waited_for_and_no_longer_than_a_second(how: str) -> None:
    """NODE-8: what comes meanwhile is dropped, and the reason stays."""
    script = server_in(states.AwaitNodeHello, config=replace(EXTENDED_SERVER, node=Doorkeeper(REJECT)))
    script.say(NODE_HELLO)
    assert script.hear(NodeReject) == NodeReject(kind=2, rule="NODE-3", reason="not now")
    assert script.end.next_deadline == script.now + 1.0
    assert script.feed(bytes(1 << 16)) == []
    script.end.handle_deadline(now=script.now + 0.99)
    assert script.collect() == []
    match how:
        case "eof":
            script.end.receive_eof()
        case "reset":
            script.end.lose(ConnectionLost("reset"))
        case "time":
            script.end.handle_deadline(now=script.now + 1.0)
        case "closed":
            script.end.close()
    script.collect()
    error = error_of(script.events)
    if how == "closed":
        assert error is None
        return
    assert isinstance(error, NodeRefused)
    assert (error.reason, error.by_peer) == ("not now", False)
    assert error.step is not None
    assert error.step.state == "AwaitNodeHello"


def test_the_time_for_the_handshake_holds_in_parting_as_well() -> None:
    script = client_in(states.AwaitNodeHello, config=replace(EXTENDED_CLIENT, node=Doorkeeper(REJECT)))
    script.now += script.config.timeouts.handshake - 0.25
    script.say(NODE_HELLO)
    script.hear(NodeReject)
    assert script.end.next_deadline == script.now + 0.25


@pytest.mark.parametrize("late", ["client", "server", "both"])
def test_who_has_to_find_out_says_so_later(late: str) -> None:
    ours = Judge(CLIENT_HELLO, Later() if late != "server" else Admit())
    theirs = Judge(SERVER_HELLO, Later() if late != "client" else Admit())
    pair = nodes(ours, theirs)
    pair.pump()
    assert not pair.is_ready
    for end in (pair.client, pair.server):
        if isinstance(end.state, states.AwaitOwner):
            woken: list[str] = []
            end.woken = partial(woken.append, "once")
            end.admit(Admit(), now=pair.now)
            assert woken == ["once"]
    pair.pump()
    assert pair.is_ready


@pytest.mark.parametrize("role", ["client", "server"])
def test_whoever_is_to_find_out_is_asked_once_and_knows_the_connection(role: str) -> None:
    asked: list[tuple[NodeHello | None, object]] = []

    def ask(applicant: Applicant) -> None:
        assert isinstance(applicant, Connection)
        asked.append((applicant.said, applicant.peer_address))
        applicant.admit(Admit(), now=1000.0)

    config = EXTENDED_CLIENT if role == "client" else EXTENDED_SERVER
    config = replace(config, node=Doorkeeper(Later(ask)))
    bringing: Callable[..., Script] = client_in if role == "client" else server_in
    script = bringing(states.AwaitNodeHello, config=config)
    script.say(NODE_HELLO)
    assert asked == [(NODE_HELLO, CLIENT_AT)]
    assert type(script.end.state) is (states.AwaitNodeVerdict if role == "client" else states.AwaitClientIdent)


def test_an_end_whose_nonces_are_used_up_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """FRAME-11 is stronger than the wish to explain."""
    monkeypatch.setitem(nonce._COUNTER_BITS, Revision.REV1, 1)
    script = client_in(states.AwaitCompressionDone, config=EXTENDED_CLIENT)
    script.frame(Frame(99, (b"?",)))
    assert isinstance(error_of(script.events), UnexpectedFrame)
    script.hear_nothing()


def test_a_client_that_takes_its_time_may_be_let_in_meanwhile() -> None:
    script = client_in(states.AwaitOwner, config=EXTENDED_CLIENT)
    assert script.say(NodeAccept(reverse_checked=True)) == []
    script.end.admit(Admit(), now=script.now)
    (accepted,) = script.collect()
    assert accepted == NodeAccepted(accept=NodeAccept(reverse_checked=True))
    script.hear(ClientIdent)


def test_let_in_twice() -> None:
    script = client_in(states.AwaitOwner, config=EXTENDED_CLIENT)
    script.say(NodeAccept())
    script.say(NodeAccept())
    parted(script, PeerError, "STATE-1")


@pytest.mark.parametrize("role", ["client", "server"])
def test_the_owner_says_no(role: str) -> None:
    script = (
        client_in(states.AwaitOwner, config=EXTENDED_CLIENT)
        if role == "client"
        else server_in(states.AwaitOwner, config=EXTENDED_SERVER)
    )
    script.end.admit(REJECT, now=script.now)
    error = parted(script, NodeRefused, "NODE-3")
    assert error.step is not None
    assert str(error.step).startswith(f"{'outgoing' if role == 'client' else 'incoming'}, in AwaitOwner, ")


def test_nobody_is_let_in_where_nobody_waits() -> None:
    script = server_in(states.AwaitNodeHello, config=EXTENDED_SERVER)
    with pytest.raises(StateError, match="nobody waits to be let in in AwaitNodeHello"):
        script.end.admit(Admit(), now=script.now)
    script = server_in(states.AwaitOwner, config=EXTENDED_SERVER)
    with pytest.raises(StateError, match="nobody waits"):
        script.end.admit(Later(), now=script.now)


@pytest.mark.parametrize("early", [CLIENT_IDENT, Tag.SESSION_RECONNECT])
@pytest.mark.parametrize("state", [states.AwaitNodeHello, states.AwaitOwner])
def test_no_identity_before_the_nodes_know_each_other(state: type, early: object) -> None:
    """NODE-2."""
    script = server_in(state, config=EXTENDED_SERVER)
    script.frame(to_frame(early) if isinstance(early, ClientIdent) else Frame(Tag.SESSION_RECONNECT, (b"?",)))
    parted(script, UnexpectedFrame, "STATE-1")


def test_a_check_of_the_way_back_ends_with_the_answer() -> None:
    """Demands 6 and 15, NODE-10: nothing follows NODE_ACCEPT, from either end."""
    asking = replace(CLIENT_HELLO, purpose=Purpose.REVERSE_CHECK, cookie=b"0123456789abcdef")
    pair = nodes(Judge(asking, Admit(stay=False)), Judge(SERVER_HELLO, Admit(stay=False)))
    pair.pump()
    said = {way: len(pair.wire[way]) for way in WAYS}
    only(pair.client_events, NodeAccepted)
    for end in (pair.client, pair.server):
        assert isinstance(end.state, states.Parting)
        assert end.next_deadline == pair.now + 1.0
    pair.client.close()
    pair.server.receive_eof()
    assert error_of(pair.client_events + drain_events(pair.client)) is None
    assert error_of(pair.server_events + drain_events(pair.server)) is None
    assert {way: len(pair.wire[way]) for way in WAYS} == said


def test_what_the_client_does_not_like_of_a_session_is_told_to_a_server_that_has_one() -> None:
    """NODE-15."""
    script = client_in(states.AwaitServerIdent, config=EXTENDED_CLIENT)
    script.say(replace(SERVER_IDENT, addresses=()))
    parted(script, IdentError, "IDENT-4")
    script = server_in(states.Ready, config=EXTENDED_SERVER)
    script.say(NodeReject(kind=1, rule="IDENT-4", reason="another was meant"))
    error = error_of(script.events)
    assert isinstance(error, NodeRefused)
    assert (error.reason, error.by_peer) == ("another was meant", True)
    script.hear_nothing()


def test_in_a_session_a_client_takes_no_rejection() -> None:
    """NODE-15."""
    script = client_in(states.Ready, config=EXTENDED_CLIENT)
    script.say(NodeReject(kind=1))
    refused(script, UnexpectedFrame, "STATE-1")


@pytest.mark.parametrize("way", WAYS)
def test_what_breaks_before_a_session_is_told_whatever_it_is(way: Way) -> None:
    """A flipped bit is told with its rule, as far as the peer can still be reached."""
    pair = nodes(Judge(CLIENT_HELLO), Judge(SERVER_HELLO))
    pair.pump(64)
    total = len(pair.wire[way])
    told = 0
    for place in range(0, total, 3):
        damaged = Pair(
            replace(World().client, node=Judge(CLIENT_HELLO)),
            replace(World().server, node=Judge(SERVER_HELLO)),
            meddle=flip(way, place, 8),
        )
        damaged.pump()
        ends = [error for error in (_reason(damaged.client_events), _reason(damaged.server_events)) if error]
        told += any(isinstance(error, NodeRefused) and error.by_peer for error in ends)
        assert not damaged.is_ready
    assert told > total // 12


def _reason(events: list[Event]) -> MsgrError | None:
    return next((event.error for event in events if isinstance(event, Closed)), None)


def test_configs_know_no_node_by_default() -> None:
    world = World()
    configs: list[Config] = [world.client, world.server]
    assert [config.node for config in configs] == [None, None]
