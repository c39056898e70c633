"""Follows one connection from outside: the bytes of both directions in, frames out.

Nothing here waits for a particular order between the directions. Whoever dialled asks (AUTH_REQUEST,
AUTH_REQUEST_MORE, COMPRESSION_REQUEST), and what it says next is read only once the answer is known, since that may
change how it is to be read; whoever accepted never waits. So what is found does not depend on how packets were cut or
in which order those of the two directions were captured. Where both dialled, in one connection, both ask; the end with
the lower address then answers, and its own question is never answered (SIMOPEN-1).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..errors import BannerError, ConfigError, PeerError
from ..frame import Algorithm, Frame, FrameCompressor, Mode, NodeTag, Revision, Tag, tag_name
from ..payload import AuthDone, AuthRequest, Banner, CompressionDone
from ..wire import BannerFeature
from .keylog import KeyLog, plain
from .model import Fields, SeenBanner, SeenConnection, SeenFrame, Sender
from .packets import Host
from .payloads import message_fields, method_name, mode_name, part_fields, payload_fields
from .speaker import Answer, Cut, Speaker
from .unlock import Lock, Locked

_ASKS: Final = frozenset({Tag.AUTH_REQUEST, Tag.AUTH_REQUEST_MORE, Tag.COMPRESSION_REQUEST})
_OURS: Final = frozenset(NodeTag)
_ANSWERS: Final = frozenset({Tag.AUTH_BAD_METHOD, Tag.AUTH_REPLY_MORE, Tag.AUTH_DONE, Tag.COMPRESSION_DONE})

PATIENCE: Final = 8 << 20
"""How many bytes of a side may wait for what the other says."""


class Follower:
    """Follows one connection. `hosts` are its two ends; side 0 is the first of them.

    Nothing that is fed makes it raise. What cannot be read is counted and told in the errors of what `seen` returns.
    """

    def __init__(self, hosts: tuple[Host, Host], keylog: KeyLog) -> None:
        self._hosts = hosts
        self._keylog = keylog
        self._speakers = (Speaker(), Speaker())
        self._frames: list[tuple[int, SeenFrame]] = []
        self._dialler: int | None = None
        self._agreed = _Agreed()
        self._errors: list[str] = []

    def dialled(self, side: int) -> None:
        """Take note that this side opened the connection."""
        if self._dialler is None:
            self._dialler = side

    def feed(self, side: int, time: float, data: bytes) -> None:
        """Take the next bytes that a side sent."""
        speaker = self._speakers[side]
        speaker.losses.fed += len(data)
        if speaker.losses.stopped is not None:
            speaker.losses.unread += len(data)
            return
        speaker.trail.feed(time, data)
        self._go_on()
        if len(speaker.trail) > PATIENCE:
            self._wait_no_longer(speaker)

    def lose(self, side: int, missing: int, behind: int) -> None:
        """Take note that bytes of a side are not in the capture, and how many follow them."""
        losses = self._speakers[side].losses
        losses.gap = True
        losses.missing += missing
        losses.unread += behind

    def finish(self) -> None:
        """Take note that nothing more will come; where one banner only was captured, go on with what that says."""
        self._presume()

    @property
    def recognised(self) -> bool:
        """Whether it is a connection of msgr2."""
        return any(speaker.recognised for speaker in self._speakers)

    @property
    def beginning_missing(self) -> bool:
        """Whether it cannot be told what it is, since its beginning was not captured."""
        losses = [speaker.losses for speaker in self._speakers]
        return any(each.gap for each in losses) and not any(each.fed for each in losses)

    def seen(self) -> SeenConnection:
        """Return what was seen."""
        dialler = self._dialling()
        senders = (Sender.CLIENT, Sender.SERVER)
        banners: list[SeenBanner] = []
        errors = list(self._errors)
        undecrypted = 0
        for side, speaker in enumerate(self._speakers):
            sender = senders[side ^ dialler]
            banner, time = speaker.banner, speaker.banner_time
            if banner is not None:
                seen = SeenBanner(time=time, sender=sender, supported=banner.supported, required=banner.required)
                banners.append(seen)
            errors += [f"{sender}: {text}" for text in speaker.troubles()]
            undecrypted += speaker.losses.unread if speaker.losses.locked else 0
        frames = sorted(self._frames, key=lambda each: each[1].time)
        return SeenConnection(
            client=str(self._hosts[dialler]),
            server=str(self._hosts[1 - dialler]),
            revision=None if self._agreed.revision is None else str(self._agreed.revision),
            mode=self._agreed.mode,
            auth_method=self._agreed.methods[dialler],
            banners=tuple(sorted(banners, key=lambda each: each.time)),
            frames=tuple(replace(frame, sender=senders[side ^ dialler]) for side, frame in frames),
            undecrypted=undecrypted,
            errors=tuple(errors),
        )

    def _dialling(self) -> int:
        """Return the side that dialled. What the frames say counts more than who sent the first SYN."""
        for side, speaker in enumerate(self._speakers):
            if speaker.dials is not None:
                return side if speaker.dials else 1 - side
        if self._dialler is not None:
            return self._dialler
        return 0 if self._hosts[0].port >= self._hosts[1].port else 1  # those who listen have the lower ports, mostly

    def _go_on(self) -> None:
        """Read as far as both directions allow."""
        while any(self._step(side) for side in (0, 1)):
            pass

    def _presume(self) -> None:
        """Go on with what one banner says, where the other is not in the capture."""
        known = [speaker.banner for speaker in self._speakers if speaker.banner is not None]
        if self._agreed.revision is None and len(known) == 1:
            self._agree(known[0], known[0])
            self._errors.append(f"one banner only was captured; msgr {self._agreed.revision} is taken for granted")
            self._go_on()

    def _wait_no_longer(self, speaker: Speaker) -> None:
        """Give up what a side waits for from the other, so that what it goes on to say need not be kept."""
        self._presume()
        if speaker.asked is not None and not speaker.answers and speaker.losses.stopped is None:
            speaker.stop(f"the answer to {speaker.asked} is not in the capture")

    def _step(self, side: int) -> bool:
        """Take one step with a side; tells whether there may be another."""
        speaker = self._speakers[side]
        try:
            if speaker.losses.stopped is not None:
                return False
            if speaker.banner is None:
                return self._meet(speaker)
            if self._agreed.revision is None or not speaker.take_answer():
                return False
            cut = speaker.next_frame()
        except Locked as locked:
            speaker.stop(str(locked), locked=True)
            return True
        except PeerError as error:
            speaker.stop(f"{error}, at byte {speaker.trail.position}")
            return True
        if cut is None:
            return False
        self._understand(side, cut)
        return True

    def _meet(self, speaker: Speaker) -> bool:
        """Take a banner; where it is not one, this direction is not read, and perhaps nobody asks for it."""
        try:
            if not speaker.take_banner():
                return False
        except BannerError as error:
            speaker.stop(str(error))
            return True
        first, second = (each.banner for each in self._speakers)
        if first is not None and second is not None and self._agreed.revision is None:
            self._agree(first, second)
        return True

    def _agree(self, first: Banner, second: Banner) -> None:
        self._agreed.revision = first.revision_with(second)
        self._agreed.extended = bool(first.supported & second.supported & BannerFeature.MSGR_EXT)
        for speaker in self._speakers:
            speaker.reading.begin(self._agreed.revision, extended=self._agreed.extended)

    def _understand(self, side: int, cut: Cut) -> None:
        """Read what a frame says, and draw the consequences."""
        speaker, other = self._speakers[side], self._speakers[1 - side]
        payload: Fields | None = None
        message: Fields | None = None
        error = cut.error
        answer = Answer()
        if cut.tag in _OURS and not self._agreed.extended:
            error = error or f"{tag_name(cut.tag)}, and not both banners have MSGR_EXT [NODE-1]"
        if cut.frame is not None:
            try:
                if cut.tag == Tag.MESSAGE:
                    message = _marked(cut, speaker, message_fields(cut.frame, extended=self._agreed.extended))
                elif cut.tag == NodeTag.MESSAGE_PART:
                    payload = _marked(cut, speaker, part_fields(cut.frame))
                else:
                    payload = _marked(cut, speaker, payload_fields(cut.frame))
                    answer = self._consequence(side, cut.frame)
            except PeerError as wrong:
                error = error or str(wrong)
        frame = SeenFrame(
            time=cut.time,
            sender=Sender.CLIENT,  # until it is known who dialled
            tag=tag_name(cut.tag),
            segments=cut.segments,
            size=cut.size,
            payload=payload,
            message=message,
            error=error,
        )
        self._frames.append((side, frame))
        if cut.tag in _ASKS:
            both = cut.tag == Tag.AUTH_REQUEST and speaker.dials is None and other.dials is True
            speaker.dials, speaker.asked = True, tag_name(cut.tag)
            if both:
                self._settle()
        elif cut.tag in _ANSWERS:
            speaker.dials = False
            other.answers.append(answer)

    def _settle(self) -> None:
        """Both ends dialled: the one with the lower address is the server, and nobody answers what it asked."""
        places = [(each.ip.version, each.ip, each.port) for each in map(plain, self._hosts)]
        if places[0] == places[1]:
            self._errors.append("both ends asked to be let in, from one address [SIMOPEN-2]")
            return
        self._agreed.raced = True
        server = self._speakers[places.index(min(places))]
        server.dials, server.asked = False, None

    def _consequence(self, side: int, frame: Frame) -> Answer:
        """Return what a frame changes for the one who asked; what it changes for its sender is done."""
        reading = self._speakers[side].reading
        first = frame.segments[0]
        if frame.tag == Tag.AUTH_REQUEST:
            self._agreed.methods[side] = str(method_name(AuthRequest.decode(first).method))
        elif frame.tag == Tag.AUTH_DONE:
            mode = AuthDone.decode(first).mode
            self._agreed.mode = str(mode_name(mode))
            if mode == Mode.SECURE and reading.revision is not None:
                reading.lock = Lock(reading.revision, self._secrets(side))
                return Answer(lock=reading.lock)
            if mode != Mode.CRC:
                self._errors.append(f"AUTH_DONE names mode {mode}, which is unknown; what follows is read as crc")
        elif frame.tag == Tag.COMPRESSION_DONE and (done := CompressionDone.decode(first)).on:
            reading.compressor = self._compressor(done.algorithm)
            return Answer(compressor=reading.compressor)
        return Answer()

    def _secrets(self, server: int) -> tuple[bytes, ...]:
        """Return those of the key log, in which either end may be the client that dialled, where both did."""
        ends = plain(self._hosts[1 - server]), plain(self._hosts[server])
        found = self._keylog.secrets(*ends)
        return found + self._keylog.secrets(*reversed(ends)) if self._agreed.raced else found

    def _compressor(self, number: int) -> FrameCompressor | None:
        try:
            return FrameCompressor(Algorithm(number), 0)
        except ConfigError as error:
            self._errors.append(f"compressed frames are not read: {error}")
        except ValueError:
            self._errors.append(f"compressed frames are not read: algorithm {number} is unknown")
        return None


class _Agreed:
    """What the two ends agreed on, as far as it was heard."""

    def __init__(self) -> None:
        self.revision: Revision | None = None
        self.extended = False
        """Whether both banners have MSGR_EXT."""
        self.raced = False
        """Whether both ends dialled."""
        self.mode: str | None = None
        self.methods: list[str | None] = [None, None]
        """What each side asked to be let in by."""


def _marked(cut: Cut, speaker: Speaker, fields: Fields) -> Fields:
    """Return the fields of a frame; of one that came compressed, with the algorithm."""
    compressor = speaker.reading.compressor
    if not cut.compressed or compressor is None:
        return fields
    return {**fields, "compressed": compressor.algorithm.name.lower()}
