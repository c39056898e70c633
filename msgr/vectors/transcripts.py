"""Checks of transcripts: whole handshakes and sessions, played again by both ends, and read by one who listens.

Each end is given what the transcript says that it was sent, in one piece, byte by byte and in sevens, and must say
exactly what the transcript says of it. Dice and clock are the transcript's, so there is no other possible answer; only
what compressors choose is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..core import Closed, Connected, Connection, Event, MessageReceived, RemoteReset
from ..errors import ConnectionLost, MsgrError
from ..frame import Algorithm, Frame, FrameCompressor, FrameDecoder, Mode, Revision, Tag, crc_mode, secure_mode
from ..payload import AuthDone, Banner, CompressionDone, of_frame
from ..payload.banner import payload_size
from ..session import Message
from .files import Vector
from .frames import GENEROUS, admit_all, sent
from .outcome import SIZES, LoadedDice, Mismatch, check_error, expect, expect_valid, pieces
from .world import ENDS, OTHER, Described, End, World

_BODY: Final = ("front", "middle", "data")


class Listener:
    """Reads both directions of a connection, with its secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._decoders = {end: FrameDecoder(crc_mode(Revision.REV1), GENEROUS, admit_all) for end in ENDS}
        self._banners: dict[End, Banner] = {}

    def read(self, sender: End, wire: bytes) -> list[Frame]:
        """Return the frames that an end said; its banner is one with tag 0."""
        decoder = self._decoders[sender]
        decoder.feed(wire)
        found = [] if sender in self._banners or not decoder.pending else [self._meet(sender, decoder)]
        while (frame := decoder.next_frame()) is not None:
            found.append(frame)
            self._understand(frame)
        expect("the bytes between frames", decoder.pending, 0)
        return found

    def _meet(self, sender: End, decoder: FrameDecoder) -> Frame:
        head = decoder.peek(10)
        raw = decoder.take_raw(len(head) + payload_size(head))
        if raw is None:
            raise Mismatch("half a banner")
        self._banners[sender] = Banner.of_wire(raw)
        if len(self._banners) == len(ENDS):
            revision = self._banners["client"].revision_with(self._banners["server"])
            for each in self._decoders.values():
                each.mode = crc_mode(revision)
        return Frame(0, (raw,))

    def _understand(self, frame: Frame) -> None:
        if frame.tag == Tag.AUTH_DONE:
            done = of_frame(frame)
            if isinstance(done, AuthDone) and done.mode == Mode.SECURE:
                revision = self._banners["client"].revision_with(self._banners["server"])
                for end, decoder in self._decoders.items():
                    decoder.mode = secure_mode(revision, self._secret, client=end != "client")
        elif frame.tag == Tag.COMPRESSION_DONE:
            chosen = of_frame(frame)
            if isinstance(chosen, CompressionDone) and chosen.on:
                for decoder in self._decoders.values():
                    decoder.compressor = FrameCompressor(Algorithm(chosen.algorithm), 0)


def message_of(written: Described) -> Message:
    """Return a message that a transcript describes."""
    front, middle, data = (bytes.fromhex(written[part]) for part in _BODY)
    return Message(type=written["type"], front=front, middle=middle, data=data)


def described(message: Message) -> dict[str, Any]:
    """Return a message as transcripts write it down."""
    return {"type": message.type} | {part: bytes(getattr(message, part)).hex() for part in _BODY}


def drain(connection: Connection) -> bytes:
    """Return all that an end has to say."""
    data = bytearray()
    while said := connection.data_to_send():
        for piece in said:
            data += piece
    return bytes(data)


def drain_events(connection: Connection) -> list[Event]:
    """Return what happened at an end."""
    return list(iter(connection.next_event, None))


def told(event: Event) -> str | None:
    """Return an event as transcripts write it down, or None where they don't."""
    if isinstance(event, Connected):
        return "resumed" if event.resumed else "ready"
    if isinstance(event, RemoteReset):
        return "full reset" if event.full else "reset"
    if isinstance(event, Closed):
        return "closed"
    return None


class Play:
    """One connection of a transcript, played again."""

    def __init__(self, world: World, written: Described, size: int) -> None:
        self._world = world
        self._written = written
        self._size = size
        self._dice = {end: LoadedDice(bytes.fromhex(written[f"{end}_dice"])) for end in ENDS}
        self._ends = world.connect(self._dice["client"], self._dice["server"])
        self.errors: dict[End, MsgrError | None] = {}
        self._revealed: list[bytes] = []
        for connection in self._ends.values():
            connection.reveal(self._revealed.append)
        secret = bytes.fromhex(written["connection_secret"])
        self._readable = True
        self._recorded, self._found = Listener(secret), Listener(secret)

    def run(self) -> None:
        """Go through all steps; raises Mismatch."""
        for step in self._written["steps"]:
            if "user" in step:
                self._act(step)
            elif "seconds" in step:
                self._turn(step["seconds"])
            else:
                self._say(step)
        for end in ENDS:
            expect(f"what the {end} says beyond it", drain(self._ends[end]), b"")
            expect(f"the dice that the {end} did not throw", self._dice[end].left, 0)
        secret = self._written["connection_secret"]
        expect("the secrets", {each.hex() for each in self._revealed}, {secret} if secret else set())

    def cut(self) -> None:
        """End the connection at both ends."""
        for connection in self._ends.values():
            connection.lose(ConnectionLost("the transcript says so"))

    def _act(self, step: Described) -> None:
        connection = self._ends[step["user"]]
        if "sends" in step:
            connection.send_message(message_of(step["sends"]))
        else:
            connection.send_keepalive(now=self._world.now)

    def _turn(self, seconds: float) -> None:
        self._world.seconds += seconds
        for connection in self._ends.values():
            if connection.next_deadline is not None:
                connection.handle_deadline(now=self._world.now)

    def _say(self, step: Described) -> None:
        sender: End = step["from"]
        wire, said = bytes.fromhex(step["wire"]), drain(self._ends[sender])
        frames = [sent(frame | {"tag": frame["tag"] or 0}) for frame in step["frames"]]
        tampered = "arrives" in step
        if not any(frame.get("compressed") for frame in step["frames"]):
            expect(f"what the {sender} says", said, wire)
        # Behind a banner that was changed, the two ends do not speak the same revision.
        self._readable &= not (tampered and frames[0].tag == 0)
        if self._readable:
            expect("the frames", self._recorded.read(sender, wire), frames)
            expect(f"the frames of the {sender}", self._found.read(sender, said), frames)
        arriving = bytes.fromhex(step["arrives"]) if tampered else wire
        self._hear(OTHER[sender], arriving, step)

    def _hear(self, end: End, arriving: bytes, step: Described) -> None:
        connection = self._ends[end]
        events: list[Event] = []
        for piece in pieces(arriving, self._size):
            connection.receive_data(piece, now=self._world.now)
            while connection.has_input:
                connection.receive_data(b"", now=self._world.now)
            events += drain_events(connection)
        for event in events:
            if isinstance(event, Closed):
                self.errors[end] = event.error
        delivered = [described(event.message) for event in events if isinstance(event, MessageReceived)]
        expect(f"what is delivered at the {end}", delivered, step.get("delivers", []))
        happened = [text for text in map(told, events) if text is not None]
        expect(f"what happens at the {end}", happened, step.get("events", []))


def check_transcript(vector: Vector) -> None:
    """Check one transcript: each end says and does what it says, or refuses where it says so."""
    for size in SIZES:
        world = World(vector["setup"], dice := LoadedDice(vector.octets("secrets_dice")))
        errors: dict[End, MsgrError | None] = {}
        for written in vector["connections"]:
            for end in written["restarted"]:
                world.restart(end)
            play = Play(world, written, size)
            play.run()
            errors = play.errors
            if written is not vector["connections"][-1]:
                play.cut()
        expect("the dice of the secrets that were not thrown", dice.left, 0)
        if vector.is_valid:
            expect("the errors", {end: error for end, error in errors.items() if error is not None}, {})
        else:
            check_error(vector, errors.get(vector["refused_by"]))


def check_overheard(vector: Vector) -> None:
    """Check that a conversation between others is read, frame by frame."""
    expect_valid(vector)
    for written in vector["connections"]:
        listener = Listener(bytes.fromhex(written["connection_secret"]))
        for step in written["steps"]:
            frames = [sent(frame | {"tag": frame["tag"] or 0}) for frame in step["frames"]]
            expect("the frames", listener.read(step["from"], bytes.fromhex(step["wire"])), frames)


CHECKS: Final[Mapping[str, Any]] = {
    "handshake": check_transcript,
    "session": check_transcript,
    "overheard": check_overheard,
}
