"""Records what two ends of msgr say to each other, with dice and a clock that are fixed.

Alone among these modules it calls msgr: there is no second implementation of a session here. What it recorded is
checked by one that listens and shares no code with msgr (`onlooker`), which also takes the frames apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from msgr.core import Closed, Connection, Event, MessageReceived
from msgr.core.states import Ended
from msgr.errors import ConnectionLost, MsgrError, PeerError
from msgr.frame import Algorithm, codecs
from msgr.frame.compression import Codec
from msgr.testing import FixedDice
from msgr.vectors.transcripts import described as described_message
from msgr.vectors.transcripts import drain, drain_events, message_of, told
from msgr.vectors.world import OTHER, End, World
from msgr.wire import Octets

from .compressors import deflate_packed, snappy_packed
from .decoder import Seen
from .onlooker import TAGS, Onlooker, described, key_of, name_of

Step = dict[str, Any]
Change = Callable[[Seen], bytes]
"""What somebody between the ends makes of a frame."""


@dataclass
class Dice:
    """Dice that note what they showed."""

    source: FixedDice
    shown: bytes = b""

    def __call__(self, size: int) -> bytes:
        thrown = self.source(size)
        self.shown += thrown
        return thrown


@dataclass(frozen=True)
class Tampering:
    """What is done to one frame of the last connection: the first of that name which that end says."""

    sender: End
    name: str
    change: Change


# What happens in a connection beside the ends' own talk


@dataclass(frozen=True)
class Sends:
    """A user sends a message."""

    end: End
    message: Mapping[str, Any]


@dataclass(frozen=True)
class Asks:
    """A user asks for a sign of life."""

    end: End


@dataclass(frozen=True)
class Waits:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Talks:
    """Both ends say what they have to say, until they are silent; what one of them says may be lost."""

    loses: End | None = None


Act = Sends | Asks | Waits | Talks


def message(kind: int, front: bytes = b"", middle: bytes = b"", data: bytes = b"") -> dict[str, Any]:
    return {"type": kind, "front": front.hex(), "middle": middle.hex(), "data": data.hex()}


class Stable:
    """A codec that compresses in the same way for ever, which libraries do not promise."""

    def __init__(self, algorithm: Algorithm, packed: Callable[[bytes], bytes]) -> None:
        self.packed = packed
        self.decompress = codecs.CODECS[algorithm].decompress

    def compress(self, plain: Octets) -> bytes:
        """What a segment becomes."""
        return self.packed(bytes(plain))


STABLE: dict[Algorithm, Codec] = {
    **codecs.CODECS,
    Algorithm.SNAPPY: Stable(Algorithm.SNAPPY, snappy_packed),
    Algorithm.ZLIB: Stable(Algorithm.ZLIB, deflate_packed),
}


class Recorder:
    """Records one transcript, connection by connection."""

    def __init__(self, ident: str, setup: Mapping[str, Any]) -> None:
        self.ident = ident
        self.setup = setup
        self.secrets = Dice(FixedDice(f"{ident} secrets"))
        self.world = World(setup, self.secrets)
        self.keys = {name: key_of(entry["key"]) for name, entry in setup["server"]["keyring"].items()}
        self.disagree = any(entry["key"] != setup["client"]["key"] for entry in setup["server"]["keyring"].values())
        self.connections: list[dict[str, Any]] = []
        self.refusal: tuple[End, PeerError] | None = None

    def connection(self, *acts: Act, restarted: Iterable[End] = (), tampering: Tampering | None = None) -> None:
        """Record one more connection; whether anybody refuses anything is asked of the last one."""
        self.refusal = None
        restarted = list(restarted)
        for end in restarted:
            self.world.restart(end)
        number = len(self.connections)
        dice = {end: Dice(FixedDice(f"{self.ident} {number} {end}")) for end in OTHER}
        recording = Recording(self, self.world.connect(dice["client"], dice["server"]), tampering)
        with patch.object(codecs, "CODECS", STABLE):
            for act in (Talks(), *acts):
                recording.play(act)
        for connection in recording.ends.values():
            connection.lose(ConnectionLost("cut"))
        look = recording.look
        self.connections.append(
            {
                "restarted": restarted,
                **{f"{end}_dice": dice[end].shown.hex() for end in OTHER},
                "session_key": look.session_key.secret.hex() if look.session_key else "",
                "connection_secret": look.connection_secret.hex(),
                "steps": recording.steps,
            }
        )

    def written(self) -> dict[str, Any]:
        """The transcript."""
        return {"setup": self.setup, "secrets_dice": self.secrets.shown.hex(), "connections": self.connections}


class Recording:
    """One connection while it is recorded."""

    def __init__(self, recorder: Recorder, ends: dict[End, Connection], tampering: Tampering | None) -> None:
        self.recorder = recorder
        self.ends = ends
        self.tampering = tampering
        self.steps: list[Step] = []
        self.look = Onlooker(recorder.keys, lenient=tampering is not None or recorder.disagree)

    def play(self, act: Act) -> None:
        """Let something happen; where the connection has ended, users do nothing more."""
        world = self.recorder.world
        if isinstance(act, Sends | Asks) and isinstance(self.ends[act.end].state, Ended):
            return
        match act:
            case Sends(end, written):
                self.ends[end].send_message(message_of(written))
                self.steps.append({"user": end, "sends": written})
            case Asks(end):
                self.ends[end].send_keepalive(now=world.now)
                self.steps.append({"user": end, "keepalive": True})
            case Waits(seconds):
                world.seconds += seconds
                self.steps.append({"seconds": seconds})
            case Talks(loses):
                while any([self.say("client", loses), self.say("server", loses)]):
                    pass

    def say(self, sender: End, loses: End | None) -> bool:
        """Record what an end has to say, and let the other one hear it."""
        wire = drain(self.ends[sender])
        if not wire:
            return False
        frames, arrives = self.meddle(sender, wire)
        step: Step = {"from": sender, "wire": wire.hex(), "frames": [described(frame) for frame in frames]}
        if sender == loses:
            arrives = b""
        if arrives != wire:
            step["arrives"] = arrives.hex()
        step |= self.hear(OTHER[sender], arrives)
        self.steps.append(step)
        return True

    def meddle(self, sender: End, wire: bytes) -> tuple[list[Seen], bytes]:
        """The frames in `wire`, and what arrives of it."""
        tampering = self.tampering
        if tampering is None or tampering.sender != sender:
            return self.look.read(sender, wire), wire
        if tampering.name == TAGS[0]:  # what an end reads of a banner decides how it goes on
            self.tampering = None
            arrives = tampering.change(Seen(0, (wire,), wire))
            return self.look.read(sender, wire, heard=arrives), arrives
        frames = self.look.read(sender, wire)
        found = next((frame for frame in frames if name_of(frame.tag) == tampering.name), None)
        if found is None:
            return frames, wire
        self.tampering = None
        return frames, b"".join(tampering.change(frame) if frame is found else frame.raw for frame in frames)

    def hear(self, end: End, arrives: bytes) -> Step:
        """Let an end hear something; returns what happened there."""
        connection = self.ends[end]
        connection.receive_data(arrives, now=self.recorder.world.now)
        while connection.has_input:
            connection.receive_data(b"", now=self.recorder.world.now)
        events = drain_events(connection)
        for event in events:
            self.judge(end, event)
        delivered = [described_message(event.message) for event in events if isinstance(event, MessageReceived)]
        happened = [text for text in map(told, events) if text is not None]
        return ({"delivers": delivered} if delivered else {}) | ({"events": happened} if happened else {})

    def judge(self, end: End, event: Event) -> None:
        error = event.error if isinstance(event, Closed) else None
        if isinstance(error, PeerError) and self.recorder.refusal is None:
            self.recorder.refusal = end, error
        elif isinstance(error, MsgrError) and not isinstance(error, PeerError):
            raise AssertionError(f"{self.recorder.ident}: the {end} ended with {error!r}")
