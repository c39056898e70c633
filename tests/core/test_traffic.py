"""Frames of a session that are not as they must be, at either end."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.core import ClientConfig, Closed, Limits, MessageReceived, states
from msgr.errors import (
    ChecksumError,
    ConfigError,
    ConnectionLost,
    MessageTooLarge,
    MsgrError,
    NoncesExhausted,
    PeerError,
    ShortRead,
)
from msgr.frame import Frame, Mode, Revision, Tag, nonce
from msgr.payload import CONTROL, Ack, Control
from msgr.session import Message

from .pair import WALL, World, all_of, error_of
from .reach import client_in, server_in
from .script import CLIENT, SERVER, SERVER_IDENT, Script, header, message, refused
from .test_table import EXPECTED, MODES, bring, sample

ROLES: Final = tuple(EXPECTED)
LEGAL: Final = [
    (role, state, Tag[name])
    for role, table in EXPECTED.items()
    for state, row in table.items()
    for name in row
    if name not in ("MESSAGE", "WAIT")
]
NAMES: Final = [f"{role}-{state.__name__}-{tag.name}" for role, state, tag in LEGAL]


def numbers(script: Script) -> list[int]:
    """Return the numbers of the messages that were received."""
    return [event.message.seq for event in all_of(script.events, MessageReceived)]


@pytest.mark.parametrize("size", [*range(41), 42, 43, 64])
@pytest.mark.parametrize("role", ROLES)
def test_cve_2026_43406_a_header_of_another_size(role: str, size: int) -> None:
    """CVE-2026-43406: a message whose first segment was shorter than a header. MESSAGE-1."""
    for mode, revision in MODES:
        for body in ((), (b"front",)):
            script = bring(role, states.Ready, revision, mode)
            script.frame(Frame(Tag.MESSAGE, (header().ljust(size, b"\0")[:size], *body)))
            refused(script, PeerError, "MESSAGE-1")


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("cell", LEGAL, ids=NAMES)
def test_a_payload_cut_short(cell: tuple[str, type[object], Tag], mode: Mode, revision: Revision) -> None:
    """By one byte, or to nothing (Linux c4c22b846ece): every control frame but WAIT says something."""
    role, state, tag = cell
    whole = bytes(sample(bring(role, state, revision, mode), tag).segments[0])
    for size in (0, len(whole) - 1):
        script = bring(role, state, revision, mode)
        script.frame(Frame(tag, (whole[:size],)))
        error = error_of(script.events)
        assert isinstance(error, ShortRead), error
        assert error.left < error.needed
        script.hear_nothing()


@pytest.mark.parametrize("cell", LEGAL, ids=NAMES)
def test_what_newer_peers_append_is_ignored(cell: tuple[str, type[object], Tag]) -> None:
    role, state, tag = cell
    plain, longer = (bring(role, state, Revision.REV1, Mode.CRC) for _ in range(2))
    frame = sample(plain, tag)
    plain.frame(frame)
    longer.frame(Frame(tag, (bytes(frame.segments[0]) + b"appended",)))
    assert type(plain.end.state) is type(longer.end.state)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("acked", [1, 2, (1 << 64) - 1])
def test_an_acknowledgement_of_what_was_never_sent(role: str, acked: int) -> None:
    script = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    script.say(Ack(seq=acked))
    assert f"ACK of {acked}, 0 messages were sent" in str(refused(script, PeerError, "ACK-2"))


@pytest.mark.parametrize("role", ROLES)
def test_an_acknowledgement_of_what_was_sent(role: str) -> None:
    script = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    for _ in range(3):
        script.end.send_message(Message(type=1))
    assert len(script.hear_frames()) == 3
    assert script.say(Ack(seq=0), Ack(seq=3), Ack(seq=2)) == []
    script.say(Ack(seq=4))
    refused(script, PeerError, "ACK-2")


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("role", ROLES)
def test_a_duplicate_is_dropped_and_reading_goes_on(role: str, mode: Mode, revision: Revision) -> None:
    """Ceph's daemons never read such a connection again."""
    script = bring(role, states.Ready, revision, mode)
    script.frame(*map(message, [1, 1, 2, 0, 1, 2, 3]))
    assert numbers(script) == [1, 2, 3]


@pytest.mark.parametrize("role", ROLES)
def test_a_gap_is_let_pass(role: str) -> None:
    script = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    script.frame(*map(message, [5, 6, 6, 4, 1 << 40, (1 << 64) - 1, 7]))
    assert numbers(script) == [5, 6, 1 << 40, (1 << 64) - 1]


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("role", ROLES)
def test_cve_2026_68433_nothing_is_left_of_a_longer_frame(role: str, mode: Mode, revision: Revision) -> None:
    """CVE-2026-68433: the bound was the buffer's size, so that a short frame showed what a longer one had left."""
    script = bring(role, states.Ready, revision, mode)
    script.frame(message(1, b"s" * 5000, b"s" * 500, b"s" * 50))
    script.frame(message(2, b"t", b"", b"u"))
    script.frame(message(3))
    _, short, empty = [event.message for event in all_of(script.events, MessageReceived)]
    assert (short.front, short.middle, short.data) == (b"t", b"", b"u")
    assert empty.size == 0


def test_data_that_is_not_as_its_checksum_says() -> None:
    script = client_in(states.Ready, mode=Mode.CRC)
    spoilt = bytearray(script.seal(message(1, b"front")))
    spoilt[-20] ^= 1
    script.feed(spoilt)
    refused(script, ChecksumError, "FRAME-5")


@pytest.mark.parametrize("config", [CLIENT, SERVER], ids=ROLES)
def test_data_without_checksums_where_that_is_allowed(config: object) -> None:
    """Ceph with `ms_crc_data = false`: nothing announces it."""
    if isinstance(config, ClientConfig):
        script = client_in(states.Ready, mode=Mode.CRC, config=replace(CLIENT, check_data=False))
    else:
        script = server_in(states.Ready, mode=Mode.CRC, config=replace(SERVER, check_data=False))
    wire = bytearray(script.seal(message(1, b"front")))
    wire[32 + 41 : 32 + 45] = bytes(4)
    wire[-12:] = bytes(12)
    script.feed(wire)
    assert numbers(script) == [1]


def test_messages_beyond_the_limits_are_not_sent() -> None:
    limits = Limits(front=1, middle=2, data=3)
    end = client_in(states.Ready, config=replace(CLIENT, limits=limits)).end
    end.send_message(Message(type=1, front=b"1", middle=b"22", data=b"333"))
    for too_large, said in (
        (Message(type=1, front=b"22"), "front has 2 bytes, 1 are allowed"),
        (Message(type=1, middle=b"333"), "middle has 3 bytes, 2 are allowed"),
        (Message(type=1, data=b"4444"), "data has 4 bytes, 3 are allowed"),
    ):
        with pytest.raises(MessageTooLarge, match=rf"{said} \[LIMIT-2\]"):
            end.send_message(too_large)
    assert end.queued_bytes == 6


def test_messages_that_no_header_holds_are_not_sent() -> None:
    end = client_in(states.Ready).end
    with pytest.raises(ConfigError, match="priority is 65536"):
        end.send_message(Message(type=1, priority=1 << 16))
    assert end.data_to_send() == []


def test_what_is_sealed_at_once_is_bounded() -> None:
    """By the megabyte: what is sealed can no longer be overtaken by a message of higher priority."""
    end = client_in(states.Ready, mode=Mode.CRC).end
    for _ in range(5):
        end.send_message(Message(type=1, data=bytes(1 << 19)))
    sizes = []
    while pieces := end.data_to_send():
        sizes.append(sum(map(len, pieces)))
    assert [size >> 19 for size in sizes] == [2, 2, 1]
    assert end.queued_bytes == 0


@pytest.mark.parametrize("revision", Revision)
def test_cve_2020_1759_no_nonce_is_used_twice(revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2020-1759: the counter of msgr2.0 wrapped after 2^32 frames. Here it has three bits."""
    monkeypatch.setitem(nonce._COUNTER_BITS, revision, 3)
    sender = client_in(states.Ready, revision=revision)
    for _ in range(10):
        sender.end.send_message(Message(type=1))
    sent = len(sender.hear_frames())
    assert sent == 0  # the batch in which nonces run out is dropped as a whole
    sender.collect()
    assert isinstance(error_of(sender.events), NoncesExhausted)


@pytest.mark.parametrize("role", ROLES)
def test_cve_2020_1759_whoever_asks_or_answers(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2020-1759, by keepalives and their answers, and by what is received."""
    monkeypatch.setitem(nonce._COUNTER_BITS, Revision.REV1, 3)
    asking = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    while isinstance(asking.end.state, states.Ready):
        asking.end.send_keepalive(now=asking.now)
    assert isinstance(error_of(asking.collect()), NoncesExhausted)
    hearing = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    monkeypatch.undo()
    peer = bring(role, states.Ready, Revision.REV1, Mode.SECURE)
    for tag in (Tag.KEEPALIVE2_ACK, Tag.KEEPALIVE2) * 8:
        hearing.feed(peer.seal(sample(peer, tag)))
    assert isinstance(error_of(hearing.events), NoncesExhausted)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", [states.AwaitBanner, states.AwaitHello, states.Ready, states.Ended])
def test_a_broken_stream(role: str, state: type[object]) -> None:
    script = bring(role, state, Revision.REV1, Mode.SECURE)
    error = ConnectionLost("reset")
    script.end.lose(error)
    script.end.lose(ConnectionLost("again"))
    expected: list[MsgrError | None] = [] if state is states.Ended else [error]
    assert [error_of([event]) for event in script.collect()] == expected


def test_every_control_frame_has_a_class() -> None:
    assert set(CONTROL) == set(Tag) - {Tag.MESSAGE}
    assert set(CONTROL.values()) == set(Control.__args__)


def test_a_stamp_follows_the_wall_clock() -> None:
    """Demand 74s."""
    pair = World().pair()
    pair.pump()
    stamp = pair.client.send_keepalive(now=pair.now + 1.5)
    assert float(stamp) == WALL + 1.5


@pytest.mark.parametrize("role", ROLES)
def test_whether_there_is_something_to_send(role: str) -> None:
    script = bring(role, states.Ready, Revision.REV1, Mode.CRC)
    end = script.end
    assert not end.has_output
    assert end.output_bytes == 0
    script.frame(sample(script, Tag.KEEPALIVE2))
    assert end.has_output
    assert end.output_bytes == 32 + 8 + 4
    script.hear_frames()
    assert not end.has_output
    end.send_message(Message(type=1))
    assert end.has_output
    assert end.output_bytes == 0  # it waits, and may still be overtaken
    script.hear_frames()
    assert not end.has_output
    script.frame(sample(script, Tag.KEEPALIVE2))
    end.close()
    assert not end.has_output
    assert end.output_bytes == 0


def test_an_acknowledgement_is_something_to_send() -> None:
    script = client_in(states.AwaitServerIdent)
    script.say(replace(SERVER_IDENT, flags=0, cookie=9))
    assert not script.end.has_output
    script.frame(message(1))
    assert script.end.has_output
    script.hear(Ack)
    assert not script.end.has_output


@pytest.mark.parametrize("role", ["client", "server"])
def test_what_comes_into_a_body_after_the_end_is_dropped(role: str) -> None:
    """A read may be under way into the place of a body when the connection ends."""
    script = bring(role, states.Ready, Revision.REV1, Mode.CRC)
    whole = script.seal(message(1, bytes(200_000)))
    script.feed(whole[:1000])
    space = script.end.space()
    assert len(space) == len(whole) - 1000
    space[:] = whole[1000:]
    script.end.close()
    script.end.filled(len(space), now=script.now)
    assert [type(event) for event in script.collect()] == [Closed]
    assert len(script.end.space()) == 0
