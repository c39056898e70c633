"""Compression between two connections: who asks, who decides, and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.core import (
    ClientConfig,
    Closed,
    Compression,
    Compressions,
    Config,
    Connected,
    MessageReceived,
    ServerConfig,
    states,
)
from msgr.errors import ChecksumError, ConfigError, FrameError, FrameTooLarge, PeerError
from msgr.frame import Algorithm, Frame, Mode, Preamble, Revision, Tag
from msgr.payload import (
    Ack,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Keepalive,
    KeepaliveAck,
    ServerIdent,
)
from msgr.session import Message
from msgr.wire import EntityType, Timestamp
from tests.witness import compressors as by_hand

from .pair import SETUPS, Pair, Setup, World, drain, only
from .reach import client_in, server_in
from .script import CLIENT, CLIENT_IDENT, SERVER, SERVER_IDENT, Script, header, message, refused
from .test_table import EXPECTED, MODES

EVERY: Final = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda algorithm: algorithm.name.lower())
ALL: Final = Compression(algorithms=tuple(Algorithm), minimum=0, in_secure=True)
SOME: Final = Compression(algorithms=(Algorithm.ZSTD, Algorithm.SNAPPY), minimum=300)
TEXT: Final = b"a text that is said again and again, " * 100


def asking(compressions: Compressions, mode: Mode = Mode.CRC) -> Script:
    """A client that has just asked."""
    config = replace(CLIENT, compression=compressions)
    script = client_in(states.AwaitSignature, mode=mode, config=config)
    script.say(script.signature())
    return script


def asked(compressions: Compressions, mode: Mode = Mode.CRC) -> Script:
    """A server that waits to be asked."""
    return server_in(states.AwaitCompressionRequest, mode=mode, config=replace(SERVER, compression=compressions))


def ready(role: str, algorithm: Algorithm, mode: Mode = Mode.CRC, revision: Revision = Revision.REV1) -> Script:
    """A connection in session that has agreed on an algorithm, and compresses everything."""
    script: Script
    if role == "client":
        config = replace(CLIENT, compression=Compressions(ALL))
        script = client_in(states.AwaitSignature, mode=mode, revision=revision, config=config)
        script.say(script.signature())
        script.hear(CompressionRequest)
        script.say(CompressionDone(on=True, algorithm=algorithm))
        script.compress(algorithm)
        script.hear(ClientIdent)
        script.say(SERVER_IDENT)
    else:
        server = replace(SERVER, compression=Compressions(ALL))
        script = server_in(states.AwaitCompressionRequest, mode=mode, revision=revision, config=server)
        script.say(CompressionRequest(wanted=True, algorithms=(algorithm,)))
        assert script.hear(CompressionDone) == CompressionDone(on=True, algorithm=algorithm)
        script.compress(algorithm)
        script.say(CLIENT_IDENT)
        script.hear(ServerIdent)
    assert only(script.events, Connected).peer.compression is algorithm
    script.events.clear()
    return script


class TestAsking:
    @pytest.mark.parametrize(
        ("compressions", "mode", "wanted"),
        [
            (Compressions(), Mode.CRC, None),
            (Compressions(SOME), Mode.CRC, SOME),
            (Compressions(None, {EntityType.MON: SOME}), Mode.CRC, SOME),
            (Compressions(None, {EntityType.OSD: SOME}), Mode.CRC, None),
            (Compressions(SOME, {EntityType.MON: None}), Mode.CRC, None),
            (Compressions(SOME, {EntityType.MON: ALL}), Mode.CRC, ALL),
            (Compressions(SOME), Mode.SECURE, None),
            (Compressions(ALL), Mode.SECURE, ALL),
        ],
        ids=["off", "on", "its-type", "other-type", "off-for-its-type", "more", "secure", "even-in-secure"],
    )
    def test_a_client_asks_as_it_is_told(
        self, compressions: Compressions, mode: Mode, wanted: Compression | None
    ) -> None:
        script = asking(compressions, mode)
        algorithms = wanted.algorithms if wanted else ()
        assert script.hear(CompressionRequest) == CompressionRequest(wanted=wanted is not None, algorithms=algorithms)
        assert isinstance(script.end.state, states.AwaitCompressionDone)
        assert script.end.state.wanted == wanted

    def test_off_as_ceph_says_it(self) -> None:
        (frame,) = asking(Compressions()).hear_frames()
        assert frame.segments == (b"\0\0\0\0\0",)

    def test_a_no_is_no_error(self) -> None:
        script = asking(Compressions(SOME))
        script.hear(CompressionRequest)
        script.say(CompressionDone(on=False, algorithm=Algorithm.ZSTD))
        script.hear(ClientIdent)
        script.say(SERVER_IDENT)
        assert only(script.events, Connected).peer.compression is None
        script.compress(Algorithm.ZSTD)
        script.say(Ack(seq=0))
        refused(script, FrameError, "FRAME-8")

    @pytest.mark.parametrize("algorithm", [0, 2, 4, 5, 6, 1 << 31])
    def test_what_was_not_offered_is_refused(self, algorithm: int) -> None:
        """COMPRESSION-2, of Ceph's clients too little known: they take whatever the server says."""
        script = asking(Compressions(SOME))
        script.hear(CompressionRequest)
        script.say(CompressionDone(on=True, algorithm=algorithm))
        error = refused(script, PeerError, "COMPRESSION-2")
        assert f"algorithm {algorithm}, zstd, snappy was asked for" in str(error)

    def test_in_secure_mode_a_yes_to_no_question_is_refused(self) -> None:
        script = asking(Compressions(SOME), Mode.SECURE)
        script.hear(CompressionRequest)
        script.say(CompressionDone(on=True, algorithm=Algorithm.ZSTD))
        refused(script, PeerError, "COMPRESSION-2")


class TestDeciding:
    @pytest.mark.parametrize(
        ("compressions", "mode", "offered", "chosen"),
        [
            (Compressions(), Mode.CRC, (1, 2, 3, 4, 5), 0),
            (Compressions(SOME), Mode.CRC, (1, 3), 1),
            (Compressions(SOME), Mode.CRC, (3, 1), 3),
            (Compressions(SOME), Mode.CRC, (99, 0, 5, 4, 2, 3), 3),
            (Compressions(SOME), Mode.CRC, (2, 4, 5), 0),
            (Compressions(SOME), Mode.CRC, (), 0),
            (Compressions(None, {EntityType.CLIENT: SOME}), Mode.CRC, (3,), 3),
            (Compressions(None, {EntityType.OSD: SOME}), Mode.CRC, (3,), 0),
            (Compressions(SOME), Mode.SECURE, (3,), 0),
            (Compressions(ALL), Mode.SECURE, (5, 3), 5),
        ],
    )
    def test_a_server_follows_its_client(
        self, compressions: Compressions, mode: Mode, offered: tuple[int, ...], chosen: int
    ) -> None:
        """COMPRESSION-3."""
        script = asked(compressions, mode)
        script.say(CompressionRequest(wanted=True, algorithms=offered))
        assert script.hear(CompressionDone) == CompressionDone(on=chosen > 0, algorithm=chosen)
        assert isinstance(script.end.state, states.AwaitClientIdent)

    def test_nobody_is_made_to(self) -> None:
        script = asked(Compressions(ALL))
        script.say(CompressionRequest(wanted=False, algorithms=(1, 2, 3)))
        assert script.hear(CompressionDone) == CompressionDone(on=False, algorithm=0)
        script.say(CLIENT_IDENT)
        assert only(script.events, Connected).peer.compression is None


class TestAfterwards:
    @EVERY
    @pytest.mark.parametrize(("mode", "revision"), MODES)
    @pytest.mark.parametrize("role", EXPECTED)
    def test_everything_may_be_compressed(
        self, role: str, mode: Mode, revision: Revision, algorithm: Algorithm
    ) -> None:
        script = ready(role, algorithm, mode, revision)
        stamp = Timestamp(seconds=7, nanoseconds=9)
        script.say(Keepalive(stamp=stamp))
        assert script.hear(KeepaliveAck).stamp == stamp
        script.frame(message(1, TEXT, b"", TEXT))
        received = only(script.events, MessageReceived).message
        assert (received.front, received.middle, received.data) == (TEXT, b"", TEXT)
        script.end.send_message(Message(type=7, front=TEXT, data=TEXT))
        (frame,) = script.hear_frames()
        assert frame.segments[1:] == (TEXT, b"", TEXT)

    def test_the_answer_itself_is_plain_and_what_follows_is_not(self) -> None:
        script = asked(Compressions(ALL))
        script.say(CompressionRequest(wanted=True, algorithms=(Algorithm.LZ4,)))
        done = drain(script.end)
        assert not Preamble.decode(done[:32]).compressed
        script.compress(Algorithm.LZ4)
        script.say(CLIENT_IDENT)
        ident = drain(script.end)
        assert Preamble.decode(ident[:32]).compressed
        assert Preamble.decode(ident[:32]).tag == Tag.SERVER_IDENT

    def test_frames_below_the_minimum_are_plain(self) -> None:
        script = asked(Compressions(SOME))
        script.say(CompressionRequest(wanted=True, algorithms=(Algorithm.ZSTD,)))
        script.hear(CompressionDone)
        script.compress(Algorithm.ZSTD)
        script.say(CLIENT_IDENT)
        assert not Preamble.decode(drain(script.end)[:32]).compressed
        for size, compressed in ((299 - 41, False), (300 - 41, True)):
            script.end.send_message(Message(type=1, front=bytes(size)))
            assert Preamble.decode(drain(script.end)[:32]).compressed is compressed

    def test_plain_frames_are_taken_as_well(self) -> None:
        script = ready("server", Algorithm.ZSTD)
        script.compress(Algorithm.ZSTD, 1 << 20)
        script.frame(message(1, TEXT))
        assert only(script.events, MessageReceived).message.front == TEXT

    @pytest.mark.parametrize("role", EXPECTED)
    @pytest.mark.parametrize("size", [0, 40, 42])
    def test_a_header_of_another_size(self, role: str, size: int) -> None:
        """MESSAGE-1 is about what the segment holds, not about what is on the wire."""
        script = ready(role, Algorithm.SNAPPY)
        script.frame(Frame(Tag.MESSAGE, (header().ljust(42, b"\0")[:size], b"front")))
        refused(script, PeerError, "MESSAGE-1")

    def test_two_segments_of_a_control_frame(self) -> None:
        script = ready("client", Algorithm.SNAPPY)
        script.frame(Frame(Tag.ACK, (bytes(8), b"more")))
        refused(script, FrameError, "FRAME-14")

    def test_what_is_sealed_at_once_is_bounded_by_what_it_was(self) -> None:
        """Megabytes of zeros are few bytes on the wire, and much work all the same."""
        script = ready("client", Algorithm.ZSTD)
        for _ in range(5):
            script.end.send_message(Message(type=1, data=bytes(1 << 19)))
        batches = []
        while pieces := script.end.data_to_send():
            heads = [bytes(piece) for piece in pieces if len(piece) == 32]
            batches.append(sum(Preamble.decode(head).tag == Tag.MESSAGE for head in heads))
        assert batches == [2, 2, 1]


class TestBombs:
    @pytest.mark.parametrize("role", EXPECTED)
    @EVERY
    def test_in_a_control_frame(self, role: str, algorithm: Algorithm) -> None:
        """COMPRESSION-5: the limit is that of plain frames."""
        script = ready(role, algorithm)
        script.frame(Frame(Tag.KEEPALIVE2, (bytes((64 << 10) + 1),)))
        error = refused(script, FrameTooLarge, "COMPRESSION-5")
        assert "KEEPALIVE2 segment 0" in str(error)

    @EVERY
    def test_in_a_message(self, algorithm: Algorithm) -> None:
        script = ready("server", algorithm)
        script.frame(message(1, bytes((16 << 20) + 1)))
        assert "MESSAGE segment 1" in str(refused(script, FrameTooLarge, "COMPRESSION-5"))

    def test_before_there_is_a_session(self) -> None:
        script = asked(Compressions(ALL))
        script.say(CompressionRequest(wanted=True, algorithms=(Algorithm.ZSTD,)))
        script.hear(CompressionDone)
        script.compress(Algorithm.ZSTD)
        script.frame(Frame(Tag.CLIENT_IDENT, (bytes((64 << 10) + 1),)))
        refused(script, FrameTooLarge, "COMPRESSION-5")

    @pytest.mark.parametrize("role", EXPECTED)
    def test_damage(self, role: str) -> None:
        script = ready(role, Algorithm.ZSTD)
        packed = by_hand.zstd(50, by_hand.zstd_frame((0, 41, header())))[:-1]
        script.compress(Algorithm.ZSTD, 1 << 20)
        script.frame(Frame(Tag.MESSAGE, (packed,), compressed=True))
        refused(script, FrameError, "COMPRESSION-6")


class TestManyAtOnce:
    """A read brings a few hundred kilobytes, in which there may be thousands of frames of megabytes."""

    @staticmethod
    def bombs(script: Script, count: int) -> bytes:
        """Messages of a megabyte each, which are a few bytes."""
        wire = b"".join(script.seal(message(seq, bytes(1 << 20))) for seq in range(1, count + 1))
        assert len(wire) < count * 300
        return wire

    @pytest.mark.parametrize("role", EXPECTED)
    def test_one_is_handled_at_a_time(self, role: str) -> None:
        """COMPRESSION-12: whoever takes them says when there is room for the next."""
        script = ready(role, Algorithm.ZSTD)
        wire = self.bombs(script, 5)
        for seq in range(1, 6):
            (event,) = script.feed(wire if seq == 1 else b"")
            assert isinstance(event, MessageReceived)
            assert event.message.seq == seq
            assert script.end.has_input
        assert script.feed(b"") == []
        assert not script.end.has_input

    def test_small_ones_are_handled_together(self) -> None:
        script = ready("client", Algorithm.ZSTD)
        events = script.feed(b"".join(script.seal(message(seq, bytes(1000))) for seq in range(1, 101)))
        assert len(events) == 100
        assert not script.end.has_input

    def test_the_end_of_the_stream_comes_behind_them(self) -> None:
        script = ready("client", Algorithm.ZSTD)
        assert len(script.feed(self.bombs(script, 3))) == 1
        script.end.receive_eof()
        *events, closed = script.collect()
        assert [type(event) for event in events] == [MessageReceived] * 2
        assert closed == Closed(error=None)
        assert not script.end.has_input

    def test_one_that_is_bad_ends_it_when_its_turn_comes(self) -> None:
        script = ready("client", Algorithm.ZSTD)
        assert len(script.feed(self.bombs(script, 2) + b"\xff" * 100)) == 1
        assert len(script.feed(b"")) == 1
        script.feed(b"")
        refused(script, ChecksumError, "FRAME-3")


def talk(pair: Pair) -> None:
    pair.pump()
    assert pair.is_ready
    pair.client.send_message(Message(type=1, front=TEXT))
    pair.server.send_message(Message(type=2, data=TEXT * 10))
    pair.pump()
    assert only(pair.server_events, MessageReceived).message.front == TEXT
    assert only(pair.client_events, MessageReceived).message.data == TEXT * 10


@EVERY
@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_both_ends_agree(setup: Setup, algorithm: Algorithm) -> None:
    world = World(setup)
    plain = world.pair()
    talk(plain)
    setting = Compressions(Compression(algorithms=(algorithm,), in_secure=True))
    world.client = replace(world.client, compression=setting)
    world.server = replace(world.server, compression=setting)
    pair = world.pair()
    talk(pair)
    for events in (pair.client_events, pair.server_events):
        assert only(events, Connected).peer.compression is algorithm
    for way, sizes in pair.wire.items():
        assert len(sizes) < len(plain.wire[way]) - 3000


@pytest.mark.parametrize("config", [CLIENT, SERVER], ids=["client", "server"])
def test_one_end_alone_does_not(config: Config) -> None:
    world = World(SETUPS[0])
    setting = Compressions(ALL)
    if isinstance(config, ClientConfig):
        world.client = replace(world.client, compression=setting)
    else:
        assert isinstance(config, ServerConfig)
        world.server = replace(world.server, compression=setting)
    pair = world.pair()
    talk(pair)
    assert only(pair.client_events, Connected).peer.compression is None


class TestSettings:
    def test_given_as_users_do(self) -> None:
        assert Compressions.given(None) == Compressions()
        assert Compressions.given(SOME).towards(99, Mode.CRC) == SOME
        by_type = Compressions.given({EntityType.OSD: SOME})
        assert by_type.towards(4, Mode.CRC) == SOME
        assert by_type.towards(8, Mode.CRC) is None

    def test_what_makes_no_sense(self) -> None:
        with pytest.raises(ConfigError, match="without an algorithm"):
            Compression(algorithms=())
        with pytest.raises(ConfigError, match="-1 bytes"):
            Compression(minimum=-1)

    def test_the_defaults_are_those_of_ceph(self) -> None:
        assert Compression() == Compression(algorithms=(Algorithm.SNAPPY,), minimum=1024, in_secure=False)
