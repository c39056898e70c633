"""Whatever bytes come, in whatever pieces: events, or an end with its reason; never an exception, never a hoard."""

from __future__ import annotations

import tracemalloc
from functools import cache
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.core import Closed, Connected, Event, states
from msgr.errors import ConnectionLost, PeerError
from msgr.frame import Frame, Mode, NodeTag, Preamble, Revision, Tag
from msgr.payload import CONTROL, NODE_CONTROL
from msgr.session import Message

from .pair import SETUPS, WAYS, Setup, Way, World, drain, drain_events, error_of
from .script import Script, State
from .test_extended_table import EXTENDED, any_sample
from .test_extended_table import bring as bring_extended
from .test_table import EXPECTED, MODES, bring

PLACES: Final = [(role, state) for role, table in EXPECTED.items() for state in table]
EXTENDED_PLACES: Final = [(f"extended {role}", state) for role, table in EXTENDED.items() for state in table]
tags: Final = st.sampled_from([*Tag, *NodeTag, 0, 23, 99, 0xFF])
sizes: Final = st.integers(0, 60) | st.sampled_from([41, 1 << 16, (1 << 16) + 1, 1 << 24, 1 << 31, (1 << 32) - 1])
CUT_AT_ANY_BYTE: Final = ("none-crc-2.1", "aes256k-crc-2.0", "aes256k-secure-2.0", "aes256k-secure-2.1")
places: Final = st.sampled_from(PLACES + EXTENDED_PLACES)
modes: Final = st.sampled_from(MODES)


def begin(place: tuple[str, State], mode: tuple[Mode, Revision]) -> Script:
    """Return a connection of that role in that state."""
    role = place[0].removeprefix("extended ")
    bringing = bring_extended if role != place[0] else bring
    return bringing(role, place[1], mode[1], mode[0])


def check(script: Script) -> None:
    """Check that a connection goes on, or ended for a reason that its peer gave, in words that a log can bear."""
    for event in script.events:
        assert len(repr(event)) < 100_000
    if isinstance(script.end.state, states.Parting):
        # All that the peer is told, and waited for: then it ends as it would have without.
        assert len(drain(script.end)) < 2000
        script.end.receive_eof()
        script.collect()
    if isinstance(script.end.state, states.Ended):
        closed = [event for event in script.events if isinstance(event, Closed)]
        assert closed == script.events[-1:]
        for event in closed:
            assert isinstance(event.error, PeerError)
            assert len(str(event.error)) < 1000
        script.hear_nothing()
    else:
        assert not any(isinstance(event, Closed) for event in script.events)


@given(place=places, mode=modes, data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_any_bytes(place: tuple[str, State], mode: tuple[Mode, Revision], data: bytes, cut: int) -> None:
    script = begin(place, mode)
    if place[1] in (states.Ended, states.Parting):
        return
    script.feed(data[:cut])
    script.feed(data[cut:])
    check(script)


@given(place=places, mode=modes, tag=tags, lengths=st.lists(sizes, min_size=1, max_size=4), tail=st.binary(max_size=99))
def test_any_preamble(
    place: tuple[str, State], mode: tuple[Mode, Revision], tag: int, lengths: list[int], tail: bytes
) -> None:
    script = begin(place, mode)
    if place[1] in (states.Ended, states.Parting):
        return
    script.feed(Preamble(tag, tuple(lengths)).encode() + tail)
    check(script)


@given(place=places, mode=modes, data=st.data())
def test_any_content_of_the_right_frame(
    place: tuple[str, State], mode: tuple[Mode, Revision], data: st.DataObject
) -> None:
    """What passes checksums and tags, and is wrong inside."""
    script = begin(place, mode)
    extended = place[0].startswith("extended")
    row = sorted(EXTENDED[place[0].split()[1]][place[1]] if extended else EXPECTED[place[0]][place[1]])
    if not row:
        return
    name = data.draw(st.sampled_from(row))
    tag = Tag[name] if name in Tag.__members__ else NodeTag[name]
    frame = any_sample(script, tag)
    if tag is Tag.MESSAGE:
        segments = data.draw(st.lists(st.binary(max_size=50), max_size=3))
        script.frame(Frame.of(tag, data.draw(st.binary(min_size=41, max_size=41)), *segments))
    else:
        content = bytearray(frame.segments[0])
        for _ in range(data.draw(st.integers(1, 3))):
            if content:
                content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        script.frame(Frame(tag, (bytes(content) + data.draw(st.binary(max_size=9)),)))
    check(script)


@given(place=places, mode=modes, tag=st.sampled_from([*CONTROL, *NODE_CONTROL]), content=st.binary(max_size=120))
def test_any_content_at_all(place: tuple[str, State], mode: tuple[Mode, Revision], tag: int, content: bytes) -> None:
    script = begin(place, mode)
    if place[1] in (states.Ended, states.Parting, states.AwaitBanner):
        return
    script.frame(Frame(tag, (content,)))
    check(script)


@cache
def conversation(setup: Setup) -> dict[Way, bytes]:
    """Return all that two ends say: a handshake, messages both ways, a keepalive and its answer."""
    pair = World(setup).pair()
    pair.pump()
    for number in range(3):
        pair.client.send_message(Message(type=1, front=b"c" * number * 30, data=b"d" * number))
        pair.server.send_message(Message(type=2, middle=b"s" * number * 30))
    # The messages cross each other and acknowledge nothing, so an end that sent none may receive them.
    crossing: dict[Way, bytes] = {"to server": drain(pair.client), "to client": drain(pair.server)}
    for way, said in crossing.items():
        pair.wire[way] += said
        (pair.server if way == "to server" else pair.client).receive_data(said, now=pair.now)
    pair.client.send_keepalive(now=pair.now)
    pair.pump()
    assert pair.is_ready
    return {way: bytes(data) for way, data in pair.wire.items()}


def replay(setup: Setup, way: Way, cuts: list[int]) -> tuple[list[Event], bytes]:
    """Feed one end what it was sent in the conversation, cut there; returns its events and what it said."""
    wire = conversation(setup)[way]
    pair = World(setup).pair()
    end = pair.server if way == "to server" else pair.client
    said, begun = bytearray(), [0, *sorted(cuts), len(wire)]
    for start, stop in pairwise(begun):
        end.receive_data(memoryview(wire)[start:stop], now=pair.now)
        said += drain(end)
    return drain_events(end), bytes(said)


@given(setup=st.sampled_from(SETUPS), way=st.sampled_from(WAYS), cuts=st.lists(st.integers(0, 900), max_size=30))
def test_how_the_stream_is_cut_does_not_matter(setup: Setup, way: Way, cuts: list[int]) -> None:
    whole = replay(setup, way, [])
    assert any(isinstance(event, Connected) for event in whole[0])
    size = len(conversation(setup)[way])
    assert replay(setup, way, [cut for cut in cuts if cut <= size]) == whole


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setup", [setup for setup in SETUPS if str(setup) in CUT_AT_ANY_BYTE], ids=str)
def test_the_end_of_the_stream_at_any_byte(setup: Setup, way: Way) -> None:
    """In a session, and between frames, it is an orderly end; anywhere else something is lost."""
    wire = conversation(setup)[way]
    orderly = []
    ready_at = None
    for size in range(len(wire) + 1):
        fresh = World(setup).pair()
        end = fresh.server if way == "to server" else fresh.client
        end.receive_data(wire[:size], now=fresh.now)
        state = type(end.state)
        if state is states.Ready and ready_at is None:
            ready_at = size
        end.receive_eof()
        events = drain_events(end)
        error = error_of(events)
        if error is None:
            orderly.append(size)
        else:
            assert type(error) is ConnectionLost
            assert f"in {state.__name__}, after {size} bytes" in str(error)
    assert ready_at is not None
    assert orderly[0] == ready_at
    # Three messages, a keepalive one way or its answer the other.
    assert len(orderly) == 1 + 3 + 1
    assert orderly[-1] == len(wire)


@pytest.mark.parametrize("place", [place for place in PLACES if place[1] is not states.Ready], ids=str)
def test_before_a_session_nothing_is_hoarded(place: tuple[str, State]) -> None:
    script = begin(place, (Mode.CRC, Revision.REV1))
    chunk = bytes(1 << 18)
    tracemalloc.start()
    try:
        script.end.receive_data(Preamble(Tag.HELLO, (64 << 10,)).encode(), now=script.now)
        for _ in range(40):
            script.end.receive_data(chunk, now=script.now)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    assert isinstance(script.end.state, states.Ended)


def test_a_handshake_that_never_ends_is_bounded() -> None:
    """By attempts and steps; and all of it is in the transcript, so what is kept is bounded as well."""
    limits = [script.config.limits for script in (begin(PLACES[0], MODES[0]), begin(PLACES[-1], MODES[0]))]
    for each in limits:
        assert (each.auth_attempts + each.auth_rounds) * each.control < 2 << 20
