"""Every state and every tag once more, where both banners have MSGR_EXT: a refusal is told before the end (NODE-8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from msgr.core import Closed, states
from msgr.core.events import NodeAccepted, NodeMet
from msgr.core.node import EXTENDED_CLIENT as CLIENT_TABLE
from msgr.core.node import EXTENDED_SERVER as SERVER_TABLE
from msgr.errors import BannerError, NodeRefused, PeerError, ToldToWait, UnexpectedFrame
from msgr.frame import Frame, Mode, NodeTag, Revision, Tag, tag_name
from msgr.payload import NodeAccept, NodeReject, to_frame

from .reach import EXTENDED_CLIENT_STEPS, EXTENDED_SERVER_STEPS, client_in, server_in
from .script import EXTENDED_CLIENT, EXTENDED_SERVER, NODE_HELLO, Script, State, parted, refused
from .test_table import ANSWERS, CLIENT_EXPECTED, EVENTS, MODES, SERVER_EXPECTED, sample

UNKNOWN: Final = (0, 23, 99, 0xBF, 0xC4, 0xFF)
REJECTED: Final = "NodeRefused NODE-8"

NODE_SAMPLES: Final[Mapping[int, Frame]] = {
    NodeTag.NODE_HELLO: to_frame(NODE_HELLO),
    NodeTag.NODE_ACCEPT: to_frame(NodeAccept()),
    NodeTag.NODE_REJECT: to_frame(NodeReject(kind=1, rule="NODE-8", reason="another version")),
}
UNREJECTED: Final = (states.AwaitBanner, states.Ended)
CLIENT_ROWS: Final[Mapping[State, Mapping[str, str]]] = {
    **CLIENT_EXPECTED,
    states.AwaitCompressionDone: {"COMPRESSION_DONE": "AwaitNodeHello"},
    states.AwaitNodeHello: {"NODE_HELLO": "AwaitNodeVerdict"},
    states.AwaitOwner: {"NODE_ACCEPT": "AwaitOwner"},
    states.AwaitNodeVerdict: {"NODE_ACCEPT": "AwaitServerIdent"},
    states.Ready: {**CLIENT_EXPECTED[states.Ready], "MESSAGE_PART": "Ready"},
    states.Parting: {},
}
SERVER_ROWS: Final[Mapping[State, Mapping[str, str]]] = {
    **SERVER_EXPECTED,
    states.AwaitCompressionRequest: {"COMPRESSION_REQUEST": "AwaitNodeHello"},
    states.AwaitNodeHello: {"NODE_HELLO": "AwaitClientIdent"},
    states.AwaitOwner: {},
    states.Ready: {**SERVER_EXPECTED[states.Ready], "MESSAGE_PART": "Ready"},
    states.Parting: {},
}
EXTENDED: Final[Mapping[str, Mapping[State, Mapping[str, str]]]] = {
    "client": {
        state: row if state in (*UNREJECTED, states.Ready) else {**row, "NODE_REJECT": REJECTED}
        for state, row in CLIENT_ROWS.items()
    },
    "server": {
        # What is refused already stays the reason.
        state: row if state in UNREJECTED else {**row, "NODE_REJECT": REJECTED}
        for state, row in SERVER_ROWS.items()
    },
}
EXTENDED_EVENTS: Final[Mapping[str, type]] = {**EVENTS, "NODE_HELLO": NodeMet}
EXTENDED_ANSWERS: Final[Mapping[tuple[str, str], tuple[int, ...]]] = {
    **{cell: (answer,) for cell, answer in ANSWERS.items()},
    ("client", "COMPRESSION_DONE"): (NodeTag.NODE_HELLO,),
    ("client", "NODE_ACCEPT"): (Tag.CLIENT_IDENT,),
    ("server", "COMPRESSION_REQUEST"): (Tag.COMPRESSION_DONE, NodeTag.NODE_HELLO),
    ("server", "NODE_HELLO"): (NodeTag.NODE_ACCEPT,),
}


def bring(role: str, state: State, revision: Revision, mode: Mode) -> Script:
    """Return an extended connection of that role in that state."""
    if role == "client":
        return client_in(state, revision=revision, mode=mode, config=EXTENDED_CLIENT)
    return server_in(state, revision=revision, mode=mode, config=EXTENDED_SERVER)


def any_sample(script: Script, tag: int) -> Frame:
    """Return a frame with that tag which is right in all but, perhaps, its place."""
    return NODE_SAMPLES[tag] if tag in NODE_SAMPLES else sample(script, tag)


@pytest.mark.parametrize(("role", "table"), [("client", CLIENT_TABLE), ("server", SERVER_TABLE)])
def test_the_extended_table_is_what_it_ought_to_be(role: str, table: Mapping[State, Mapping[int, object]]) -> None:
    legal = {state: {tag_name(tag) for tag in row} for state, row in table.items()}
    assert legal == {state: set(row) for state, row in EXTENDED[role].items()}


def test_every_extended_state_can_be_reached() -> None:
    assert CLIENT_TABLE.keys() == EXTENDED_CLIENT_STEPS.keys()
    assert SERVER_TABLE.keys() == EXTENDED_SERVER_STEPS.keys()


def cells() -> Iterator[tuple[str, State, int]]:
    """Yield the role, state and tag of every cell; what a MESSAGE_PART may be is for the tests of channels."""
    for role, table in EXTENDED.items():
        for state in table:
            for tag in (*Tag, *NodeTag, *UNKNOWN):
                if (state, tag) != (states.Ready, NodeTag.MESSAGE_PART):
                    yield role, state, tag


def cell_name(cell: object) -> str:
    """Return how a cell is called in reports."""
    role, state, tag = cell if isinstance(cell, tuple) else ("", object, 0)
    return f"{role}-{state.__name__}-{tag_name(tag).replace(' ', '')}"


@pytest.mark.parametrize(("mode", "revision"), MODES, ids=[f"{mode.name.lower()}-{rev}" for mode, rev in MODES])
@pytest.mark.parametrize("cell", list(cells()), ids=cell_name)
def test_cell(cell: tuple[str, State, int], mode: Mode, revision: Revision) -> None:
    """Demand 7: whatever is refused is told, in every state that there is (demands 30 and 66 as well)."""
    role, state, tag = cell
    script = bring(role, state, revision, mode)
    before = script.end.state
    events = script.frame(any_sample(script, tag))
    if state in (states.Ended, states.Parting):
        assert events == []
        assert script.end.state is before
        script.hear_nothing()
        return
    row = EXTENDED[role][state]
    step = row.get(tag_name(tag))
    if step is None:
        check_refusal(script, state, tag, row)
    elif tag == NodeTag.NODE_REJECT:
        check_rejected(script, state)
    elif " " in step:
        check_told(script, step)
    else:
        check_step(script, role, state, tag, step)


def check_step(script: Script, role: str, state: State, tag: int, step: str) -> None:
    """Check that the connection went on to the next state, and said what belongs there."""
    assert type(script.end.state).__name__ == step
    kind = EXTENDED_EVENTS.get(tag_name(tag))
    if tag == NodeTag.NODE_ACCEPT and state is states.AwaitNodeVerdict:
        kind = NodeAccepted
    assert [type(event) for event in script.events] == ([] if kind is None else [kind])
    answer = EXTENDED_ANSWERS.get((role, tag_name(tag)), ())
    if not answer or state is states.AwaitOwner:
        script.hear_nothing()
    elif answer == (Tag.AUTH_DONE,):
        assert script.hear_first_frame().tag is Tag.AUTH_DONE
    else:
        if (role, tag) == ("client", Tag.AUTH_DONE):
            script.switch(script.config.modes[0])
        assert [frame.tag for frame in script.hear_frames()] == list(answer)


def check_refusal(script: Script, state: State, tag: int, row: Mapping[str, str]) -> None:
    """Check that the connection ends over a frame in the wrong place, and says so in full, to the peer as well."""
    if state is states.AwaitBanner:
        # Whether the peer would understand is not known yet.
        refused(script, BannerError, "BANNER-1")
        return
    error = (refused if state is states.Ready else parted)(script, UnexpectedFrame, "STATE-1")
    assert (error.got, error.state, error.allowed) == (tag_name(tag), state.__name__, tuple(sorted(row)))


def check_told(script: Script, step: str) -> None:
    """Check that the connection ends with the error of that name and rule, once the peer knows it."""
    name, rule = step.split()
    if name == "ToldToWait":
        # The peer said no, in its own way, and knows what it said.
        refused(script, ToldToWait, rule)
        return
    error = parted(script, kind_of(script), rule)
    assert type(error).__name__ == name


def kind_of(script: Script) -> type[PeerError]:
    """Return the class of the error that a connection parts over."""
    assert isinstance(script.end.state, states.Parting)
    error = script.end.state.error
    assert isinstance(error, PeerError)
    return type(error)


def check_rejected(script: Script, state: State) -> None:
    """Check that what the peer says ended the connection, without an answer (NODE-9)."""
    (closed,) = script.events
    assert isinstance(closed, Closed)
    error = closed.error
    if state is states.AwaitEnd:
        # We refused first, and that is the reason.
        assert not isinstance(error, NodeRefused)
        assert isinstance(error, PeerError)
        assert error.rule == "AUTH-5"
    else:
        assert isinstance(error, NodeRefused)
        assert (error.by_peer, error.reason, error.rule) == (True, "another version", "NODE-8")
    script.hear_nothing()
