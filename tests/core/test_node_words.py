"""What nodes say to each other is a peer's word: it is cut, cleaned, bounded, and read with what later versions add."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.core import Limits, states
from msgr.core.events import NodeAccepted, NodeMet
from msgr.core.node import rejection
from msgr.errors import DecodeError, FailureKind, FrameTooLarge, IdentError, NodeRefused, ShortRead
from msgr.frame import Frame, NodeTag
from msgr.payload import NodeAccept, NodeHello, NodeReject, of_frame, to_frame

from .pair import error_of
from .reach import client_in, server_in
from .script import EXTENDED_CLIENT, EXTENDED_SERVER, NODE_HELLO, Script, State, parted

UGLY: Final = [
    ("\x1b[2Jgone\x07", "[2Jgone"),
    ("two\nlines\r\nof a log", "two lines of a log"),
    ("\u202eback to front\u2066", "back to front"),
    ("zero\u200bwidth \ufeff mark", "zero width mark"),
    ("   a \t b   ", "a b"),
    ("\x00\x01\x7f\x9b", "no reason given"),
    ("", "no reason given"),
    ("кластер «beta» — нет", "кластер «beta» — нет"),
]


def told(reject: NodeReject | Frame) -> NodeRefused:
    """Return why a client ends that is told this."""
    script = client_in(states.AwaitNodeHello, config=EXTENDED_CLIENT)
    script.frame(reject if isinstance(reject, Frame) else to_frame(reject))
    error = error_of(script.events)
    assert isinstance(error, NodeRefused)
    assert error.by_peer
    script.hear_nothing()
    return error


@pytest.mark.parametrize(("words", "shown"), UGLY, ids=ascii)
def test_a_peer_s_words_are_made_safe_to_show(words: str, shown: str) -> None:
    """NODE-9, and demand 7."""
    error = told(NodeReject(kind=1, rule=words, reason=words))
    assert error.reason == shown
    assert error.rule == ("NODE-8" if shown == "no reason given" else shown[:32])
    assert str(error).isprintable()


@pytest.mark.parametrize("filling", ["x", "x ", " x", "\x1b", "é", "\U0001f600"])
def test_a_long_reason_is_cut(filling: str) -> None:
    reason = (filling * 20_000)[: 60_000 // len(filling.encode())]
    error = told(NodeReject(kind=2, rule="R" * 1000, reason=reason))
    assert len(error.reason) <= 512
    assert error.rule == "R" * 32
    assert len(str(error)) < 600


def test_a_reason_of_100_kb_is_not_even_read() -> None:
    """It is more than a control frame may have, which the preamble tells."""
    script = client_in(states.AwaitNodeHello, config=EXTENDED_CLIENT)
    sealed = script.seal(to_frame(NodeReject(kind=1, reason="x" * 100_000)))
    script.feed(sealed[: script.head_size])
    parted(script, FrameTooLarge, "FRAME-9")


@given(reason=st.text(max_size=2000), rule=st.text(max_size=100), kind=st.integers(0, 255))
def test_any_words(reason: str, rule: str, kind: int) -> None:
    error = told(NodeReject(kind=kind, rule=rule, reason=reason))
    assert error.reason.isprintable()
    assert 0 < len(error.reason) <= 512
    assert error.rule.isprintable()
    assert 0 < len(error.rule) <= 32
    assert "\n" not in error.explain()


@pytest.mark.parametrize("number", [0, 4, 77, 255])
def test_a_kind_without_a_name_is_permanent(number: int) -> None:
    """Who does not know whether to come again does not."""
    assert told(NodeReject(kind=number, reason="no")).kind is FailureKind.PERMANENT


def test_words_that_are_no_text() -> None:
    """They are a no nevertheless, and a NODE_REJECT is not answered by another (NODE-9)."""
    raw = bytearray(to_frame(NodeReject(kind=2, reason="????")).segments[0])
    raw[-4:] = b"\xff\xfe\xc3\x28"
    error = told(Frame(NodeTag.NODE_REJECT, (bytes(raw),)))
    assert error.reason.startswith("no, in words that cannot be read: ")
    assert error.kind is FailureKind.PERMANENT


@pytest.mark.parametrize("size", range(0, 17, 4))
def test_a_rejection_that_is_cut_short(size: int) -> None:
    raw = to_frame(NodeReject(kind=2, rule="NODE-3", reason="no")).segments[0]
    assert "cannot be read" in told(Frame(NodeTag.NODE_REJECT, (bytes(raw)[:size],))).reason


def test_what_is_told_is_as_safe_as_what_is_shown() -> None:
    """An error quotes what the peer said; it goes back in one printable line."""
    reject = rejection(IdentError("a name with\n\x1b[1m in it" + "x" * 1000, rule="IDENT-2"))
    assert reject.reason.startswith("a name with [1m in it")
    assert len(reject.reason) <= 512
    assert (reject.kind, reject.rule) == (1, "IDENT-2")


@pytest.mark.parametrize("wanted", [0, 1, 1400, (64 << 10) - 1024, (64 << 10) - 1023, (1 << 32) - 1])
def test_as_much_padding_as_was_asked_for_and_no_more_than_a_frame_carries(wanted: int) -> None:
    """Demand 5, NODE-11."""
    script = server_in(states.AwaitNodeHello, config=EXTENDED_SERVER)
    script.say(replace(NODE_HELLO, padding_wanted=wanted))
    accept = script.hear(NodeAccept)
    assert len(accept.padding) == min(wanted, (64 << 10) - 1024)
    assert not any(accept.padding)


def test_an_end_with_small_frames_sends_no_padding() -> None:
    config = replace(EXTENDED_SERVER, limits=Limits(control=1000))
    script = server_in(states.AwaitNodeHello, config=config)
    script.say(replace(NODE_HELLO, padding_wanted=5000))
    assert script.hear(NodeAccept).padding == b""


def test_padding_that_comes_is_passed_over() -> None:
    script = server_in(states.AwaitNodeHello, config=EXTENDED_SERVER)
    script.say(replace(NODE_HELLO, padding=b"\xa5" * 60_000))
    script.hear(NodeAccept)


def later(payload: NodeHello | NodeAccept | NodeReject, *, version: int = 9, compat: int = 1) -> Frame:
    """Return the frame of a payload to which a later version appended fields."""
    raw = bytes(to_frame(payload).segments[0])
    body = raw[6:] + b"what nobody knows yet"
    return Frame(payload.tag, (bytes([version, compat]) + len(body).to_bytes(4, "little") + body,))


@pytest.mark.parametrize("payload", [NODE_HELLO, NodeAccept(reverse_checked=True), NodeReject(kind=2, reason="no")])
def test_fields_of_a_later_version_are_passed_over(payload: NodeHello | NodeAccept | NodeReject) -> None:
    """Demand 91: what a later version adds, an older one skips."""
    assert of_frame(later(payload)) == payload
    if isinstance(payload, NodeHello):
        script = client_in(states.AwaitNodeHello, config=EXTENDED_CLIENT)
        (event,) = script.frame(later(payload))
        assert isinstance(event, NodeMet)
        assert event.hello == payload
    elif isinstance(payload, NodeAccept):
        script = client_in(states.AwaitNodeVerdict, config=EXTENDED_CLIENT)
        assert script.frame(later(payload)) == [NodeAccepted(accept=payload)]
    else:
        assert told(later(payload)).reason == "no"


def test_a_version_that_ours_cannot_read_is_an_error() -> None:
    script = server_in(states.AwaitNodeHello, config=EXTENDED_SERVER)
    script.frame(later(NODE_HELLO, version=9, compat=9))
    parted(script, DecodeError, "WIRE-3")


PLACES: Final = [
    ("client", states.AwaitNodeHello, NODE_HELLO),
    ("client", states.AwaitNodeVerdict, NodeAccept()),
    ("client", states.AwaitOwner, NodeAccept()),
    ("server", states.AwaitNodeHello, NODE_HELLO),
]


def bring(role: str, state: State) -> Script:
    """Return an extended connection in that state."""
    if role == "client":
        return client_in(state, config=EXTENDED_CLIENT)
    return server_in(state, config=EXTENDED_SERVER)


@pytest.mark.parametrize(("role", "state", "payload"), PLACES, ids=str)
def test_a_malformed_private_frame_is_an_error_and_no_way_back(
    role: str, state: State, payload: NodeHello | NodeAccept
) -> None:
    """Cut anywhere, the frame ends the connection: there is no downgrade to a connection without nodes."""
    raw = bytes(to_frame(payload).segments[0])
    for size in range(len(raw)):
        script = bring(role, state)
        script.frame(Frame(payload.tag, (raw[:size],)))
        parted(script, ShortRead, "WIRE-1")


def test_names_that_are_no_text() -> None:
    raw = bytearray(to_frame(replace(NODE_HELLO, cluster="????")).segments[0])
    raw[raw.index(b"????")] = 0xFF
    script = bring("server", states.AwaitNodeHello)
    script.frame(Frame(NodeTag.NODE_HELLO, (bytes(raw),)))
    parted(script, DecodeError, "WIRE-2")
