"""What two ends of a connection say to each other, read along from between them, in any mode.

Whoever has the client's key can read all that it says to a monitor: the session key comes sealed with that, and the
connection secret sealed with the session key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

from msgr.auth import AuthMethod, Keyring
from msgr.auth.cephx.crypto import Usage
from msgr.auth.cephx.envelope import open_envelope
from msgr.auth.cephx.structs import Framed, ServiceTicket, SessionReply
from msgr.auth.request import Request, is_for_service
from msgr.core import Limits
from msgr.frame import Frame, FrameDecoder, Mode, Revision, Tag, crc_mode, secure_mode
from msgr.payload import AuthDone, AuthRequest, Banner, Control, MessageHeader, NodeControl, banner, of_frame
from msgr.session import Message
from msgr.session.message import open_message

Side: TypeAlias = Literal["client", "server"]
SIDES: Final[tuple[Side, ...]] = ("client", "server")


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with its whole header."""

    header: MessageHeader
    message: Message


Said: TypeAlias = Banner | Control | NodeControl | SentMessage
S = TypeVar("S", bound=Said)


class _Ear:
    """One direction: fed with its bytes, it cuts out the banner and then frames."""

    def __init__(self) -> None:
        self.decoder = FrameDecoder(crc_mode(Revision.REV1), Limits().session(), lambda _: None)
        self._started = False

    def next_said(self) -> Said | None:
        """Return what is complete, or None."""
        if not self._started:
            return self._banner()
        frame = self.decoder.next_frame()
        return None if frame is None else _open(frame)

    def _banner(self) -> Banner | None:
        head = self.decoder.peek(banner.HEAD_SIZE)
        if len(head) < banner.HEAD_SIZE:
            return None
        raw = self.decoder.take_raw(banner.HEAD_SIZE + banner.payload_size(head))
        self._started = raw is not None
        return None if raw is None else Banner.of_wire(raw)


def _open(frame: Frame) -> Said:
    return SentMessage(*open_message(frame)) if frame.tag == Tag.MESSAGE else of_frame(frame)


class Overheard:
    """One connection. `keyring` has the keys of the clients, where all is to be understood in secure mode too."""

    def __init__(self, keyring: Keyring | None) -> None:
        self.said: list[tuple[Side, Said]] = []
        """Everything, in the order in which it passed."""
        self.readable = True
        """Whether what passes is still understood."""
        self._keyring = keyring
        self._ears: dict[Side, _Ear] = {side: _Ear() for side in SIDES}

    def feed(self, side: Side, data: bytes) -> None:
        """Take bytes that one side sent."""
        if not self.readable:
            return
        ear = self._ears[side]
        ear.decoder.feed(data)
        while (said := ear.next_said()) is not None:
            self.said.append((side, said))
            if isinstance(said, AuthDone) and said.mode == Mode.SECURE and not self._follow(said):
                return

    def all(self, kind: type[S], side: Side = "client") -> list[S]:
        """Return everything of this kind that a side said."""
        return [said for speaker, said in self.said if speaker == side and isinstance(said, kind)]

    def messages(self, side: Side = "client") -> Iterator[Message]:
        """Return the messages of a side."""
        return (said.message for said in self.all(SentMessage, side))

    def _follow(self, done: AuthDone) -> bool:
        """Go on in secure mode, if the secret can be had; tell whether it can."""
        secret = self._secret(done)
        self.readable = secret is not None
        if secret is not None:
            # Each ear opens what its side sends, so it is keyed like the other side.
            self._ears["server"].decoder.mode = secure_mode(Revision.REV1, secret, client=True)
            self._ears["client"].decoder.mode = secure_mode(Revision.REV1, secret, client=False)
        return self.readable

    def _secret(self, done: AuthDone) -> bytes | None:
        request = self.all(AuthRequest)[-1]
        if request.method != AuthMethod.CEPHX or is_for_service(request.payload[0]):
            return None
        name = Request.decode(request.payload).name
        if self._keyring is None or name not in self._keyring:
            return None
        reply = SessionReply.decode(done.payload)
        ticket = open_envelope(self._keyring.get(name).key, Usage.TICKET_SESSION_KEY, reply.auth.grants[0].for_holder)
        sealed = Framed.decode(reply.connection_secret).content
        secret = open_envelope(ServiceTicket.decode(ticket).session_key, Usage.CONNECTION_SECRET, sealed)
        return Framed.decode(secret).content
