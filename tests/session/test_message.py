"""The message and its frame."""

from __future__ import annotations

import copy
import pickle
from array import array
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, PeerError
from msgr.frame import Frame, Tag
from msgr.payload import MessageHeader
from msgr.session import DEFAULT_PRIORITY, Message
from msgr.session.message import open_message
from msgr.wire import Octets

u16: Final = st.integers(0, (1 << 16) - 1)
u64: Final = st.integers(0, (1 << 64) - 1)
messages: Final = st.builds(
    Message,
    type=u16,
    front=st.binary(max_size=9),
    middle=st.binary(max_size=9),
    data=st.binary(max_size=9),
    tid=u64,
    priority=u16,
    version=u16,
    compat_version=u16,
)


@given(message=messages, seq=u64, ack_seq=u64)
def test_there_and_back(message: Message, seq: int, ack_seq: int) -> None:
    message.check()
    header, back = open_message(message.to_frame(seq=seq, ack_seq=ack_seq))
    assert back == replace(message, seq=seq)
    assert (header.seq, header.ack_seq) == (seq, ack_seq)


def test_defaults_are_ceph_s() -> None:
    header, message = open_message(Message(type=7).to_frame(seq=1, ack_seq=0))
    assert message.priority == DEFAULT_PRIORITY
    assert (header.flags, header.version, header.data_padding, header.reserved) == (3, 1, 0, 0)
    assert message.size == 0


@pytest.mark.parametrize(
    ("given", "segments"),
    [
        (Message(type=1), 1),
        (Message(type=1, front=b"f"), 2),
        (Message(type=1, middle=b"m"), 3),
        (Message(type=1, data=b"d"), 4),
        (Message(type=1, front=b"f", data=b"d"), 4),
    ],
    ids=["header", "front", "middle", "data", "front and data"],
)
def test_empty_segments_at_the_end_are_left_out(given: Message, segments: int) -> None:
    """Demand 62."""
    frame = given.to_frame(seq=1, ack_seq=0)
    assert len(frame.segments) == segments
    assert open_message(frame)[1] == replace(given, seq=1)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message(type=1 << 16), "type is 65536; the header holds 16 bits"),
        (Message(type=-1), "type is -1"),
        (Message(type=1, tid=1 << 64), "tid is 18446744073709551616; the header holds 64 bits"),
        (Message(type=1, priority=1 << 16), "priority is 65536"),
        (Message(type=1, version=1 << 16), "version is 65536"),
        (Message(type=1, compat_version=-1), "compat_version is -1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_that_does_not_fit(message: Message, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        message.check()
    with pytest.raises(ConfigError):
        message.to_frame(seq=1, ack_seq=0)


def received(message: Message) -> Message:
    return open_message(message.to_frame(seq=9, ack_seq=0))[1]


EACH_BIRTH: Final = pytest.mark.parametrize("born", [lambda message: message, received], ids=["made", "received"])
"""A message comes to be in two ways, and what it is must not tell which."""


@EACH_BIRTH
def test_a_message_is_frozen(born: Callable[[Message], Message]) -> None:
    message = born(Message(type=1, front=b"front"))
    assert type(message) is Message
    for field in fields(message):
        with pytest.raises(FrozenInstanceError):
            setattr(message, field.name, 1)
        with pytest.raises(FrozenInstanceError):
            delattr(message, field.name)


@EACH_BIRTH
def test_copies_are_equal_and_whole(born: Callable[[Message], Message]) -> None:
    message = born(Message(type=1, front=b"1", middle=b"22", data=b"333", tid=4, priority=5, version=6))
    for other in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message)), replace(message)):
        assert type(other) is Message
        assert (other, hash(other), repr(other)) == (message, hash(message), repr(message))
        assert other.size == message.size == 6
    assert replace(message, data=b"4444").size == 7
    assert replace(message, tid=5) != message


class Ping(Message):
    """A user may have classes of messages."""

    __slots__ = ("more",)


def test_a_class_of_the_user_s_own() -> None:
    ping = Ping(type=1, data=b"data")
    assert type(ping) is Ping
    assert (ping.type, ping.data, ping.priority, ping.size) == (1, b"data", DEFAULT_PRIORITY, 4)
    assert received(ping) == Message(type=1, data=b"data", seq=9)
    with pytest.raises(FrozenInstanceError):
        ping.type = 2  # type: ignore[misc]


@pytest.mark.parametrize(("positional", "named"), [((), {}), ((1,), {}), ((), {"type": 1, "size": 2})])
def test_a_constructor_without_a_type_or_with_a_word_too_many(positional: tuple[int, ...], named: Any) -> None:
    with pytest.raises(TypeError):
        Message(*positional, **named)


@pytest.mark.parametrize("size", [0, 40, 42, 43])
def test_cve_2026_43406_a_header_of_another_size(size: int) -> None:
    """CVE-2026-43406, for those who open frames without a connection."""
    with pytest.raises(PeerError, match=r"a message header of \d+ bytes, it has 41 \[MESSAGE-1\]"):
        open_message(Frame(Tag.MESSAGE, (bytes(size), b"front")))


def test_what_a_message_carries_is_not_in_its_repr() -> None:
    text = repr(Message(type=1, front=b"secret-1", middle=b"secret-2", data=b"secret-3"))
    assert "secret" not in text


def test_flags_reserved_and_padding_are_not_looked_at() -> None:
    """Demand 74r."""
    header = MessageHeader(seq=1, type=2, flags=0xFF, data_padding=9, data_offset=9, reserved=9)
    _, message = open_message(Frame(Tag.MESSAGE, (header.encode(),)))
    assert (message.seq, message.type) == (1, 2)


@pytest.mark.parametrize(
    "view",
    [memoryview(array("I", [1, 2])), memoryview(bytes(8))[::2], memoryview(bytes(8)).cast("B", (2, 4))],
    ids=["items", "gaps", "two dimensions"],
)
def test_a_view_that_is_no_plain_run_of_bytes(view: memoryview) -> None:
    """Its length would announce another number of bytes than are sent, and nothing after it could be read."""
    for message in (Message(type=1, front=view), Message(type=1, middle=view), Message(type=1, data=view)):
        with pytest.raises(ConfigError, match="cast it to bytes"):
            message.check()
    Message(type=1, data=memoryview(bytes(8))[2:]).check()


@pytest.mark.parametrize("segment", ["text", [1, 2], (1,), array("B", [1])], ids=lambda value: type(value).__name__)
def test_a_segment_that_is_no_bytes(segment: Any) -> None:
    """Whoever sends it hears of it: when it is written there is nobody to tell, and a connection would end over it."""
    for message in (Message(type=1, front=segment), Message(type=1, middle=segment), Message(type=1, data=segment)):
        with pytest.raises(ConfigError, match=f"and not {type(segment).__name__}$"):
            message.check()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_segment_of_any_kind_of_bytes(kind: Callable[[bytes], Octets]) -> None:
    message = Message(type=1, front=kind(b"1"), middle=kind(b"22"), data=kind(b"333"))
    message.check()
    assert received(message) == Message(type=1, front=b"1", middle=b"22", data=b"333", seq=9)
