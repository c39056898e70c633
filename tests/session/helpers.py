"""Messages, and what crosses between two sessions without a connection."""

from __future__ import annotations

from msgr.frame import Frame, Tag
from msgr.payload import Ack, MessageHeader, of_frame
from msgr.session import Message
from msgr.session.traffic import Traffic


def numbered(number: int, priority: int = 127, size: int = 0) -> Message:
    """Return a message that can be told from others by its tid."""
    return Message(type=1, tid=number, priority=priority, data=bytes(size))


def header_of(frame: Frame) -> MessageHeader:
    """Return the header of a MESSAGE frame."""
    assert frame.tag == Tag.MESSAGE
    return MessageHeader.decode(frame.segments[0])


def ack_of(frame: Frame | None) -> int:
    """Return what an ACK frame acknowledges."""
    assert frame is not None
    payload = of_frame(frame)
    assert isinstance(payload, Ack)
    return payload.seq


def drain(session: Traffic) -> list[Frame]:
    """Return all frames that the session has to write now."""
    frames = []
    while (frame := session.next_frame()) is not None:
        frames.append(frame)
    return frames


def feed(session: Traffic, frames: list[Frame]) -> list[int]:
    """Let a session take frames; returns the tids of the messages that it delivers."""
    delivered = []
    for frame in frames:
        if frame.tag == Tag.ACK:
            session.acknowledge(ack_of(frame))
        elif (message := session.receive(frame)) is not None:
            delivered.append(message.tid)
    return delivered
