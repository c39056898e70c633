"""One connection, and a peer that is played by hand: it speaks frames itself, right or wrong.

Authentication is by a method whose server and client do as the script says, so that every state can be reached in every
mode (`reach`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, TypeAlias, TypeVar

from msgr.auth import Denied, Dice, Done, Identity, Keys, More, Verdict, sign
from msgr.core import ClientConfig, Closed, Config, Connection, Event, Limits, Login, ServerConfig
from msgr.core.admission import Admit, Later, Reject
from msgr.core.admission import Verdict as NodeVerdict
from msgr.core.states import Parting
from msgr.errors import AuthError, FailureKind, PeerError
from msgr.frame import (
    Algorithm,
    Frame,
    FrameCompressor,
    FrameDecoder,
    Mode,
    Preamble,
    Revision,
    Tag,
    crc_mode,
    secure_mode,
)
from msgr.frame.secure import SecureRev0, SecureRev1
from msgr.payload import (
    LOSSY,
    AuthRequest,
    AuthSignature,
    Banner,
    ClientIdent,
    Control,
    NodeControl,
    NodeHello,
    NodeReject,
    RejectKind,
    ServerIdent,
    of_frame,
    to_frame,
)
from msgr.payload.banner import HEAD_SIZE
from msgr.session import PeerSession, SessionTable
from msgr.wire import MSG_ADDR2, SUPPORTED, BannerFeature, EntityAddr, Octets

from .pair import ADMIN, BEGIN, CLIENT_AT, MON, SERVER_AT, WALL, drain, drain_events, error_of
from .pair import Dice as Stream

State: TypeAlias = type[Any]
"""A class of `msgr.core.states`."""

METHOD: Final = 77
# Of the two nonces, those of msgr2.1 count from 0, so that a test can tell when a short counter will be used up.
_NONCES: Final = b"serv" + bytes(8) + b"clnt" + bytes(8)
KEYS: Final = Keys(sha256(b"session key").digest(), sha256(b"secret").digest()[:16] + _NONCES + b"unused".ljust(24))
GLOBAL_ID: Final = 4711
BANNER_SIZE: Final = 26

P = TypeVar("P", bound=Control | NodeControl)
X = TypeVar("X", bound=PeerError)


@dataclass(frozen=True, slots=True)
class Scripted:
    """A method, and its conversation as well, for either end: keys that both know, and steps as the peer wishes.

    A server takes the first byte of a payload for what to answer: M(ore), D(one), or anything else for no.
    """

    number: int = METHOD
    keys: Keys = KEYS

    @property
    def modes(self) -> frozenset[Mode]:
        """The modes that this method can key."""
        return frozenset(Mode)

    def converse(self, dice: Dice, *, now: float) -> ScriptedConversation:
        """Open a conversation."""
        return ScriptedConversation(self)


@dataclass(frozen=True, slots=True)
class ScriptedConversation:
    """One conversation of either end."""

    method: Scripted

    def begin(self, payload: bytes = b"", *, mode: Mode = Mode.CRC) -> Any:
        """Return the payload of AUTH_REQUEST (client), or the answer to it (server)."""
        return self._answer(payload) if payload else b"D"

    def more(self, payload: bytes) -> Any:
        """Take another step. At a client whose server says nothing at all, this fails."""
        if payload == b"fail":
            raise AuthError("the script says so", rule="TEST-1")
        return b"D" if payload == b"next" else self._answer(payload)

    def done(self, payload: bytes, *, global_id: int, mode: Mode) -> Keys:
        """Return the keys."""
        return self.method.keys

    def _answer(self, payload: bytes) -> Verdict:
        if payload == b"M":
            return More(b"next")
        if payload == b"D":
            return Done(b"", Identity(ADMIN, GLOBAL_ID), self.method.keys)
        return Denied(-13, "the script says no")


CLIENT: Final = ClientConfig(
    name=ADMIN, target=SERVER_AT, methods=(Scripted(), Scripted(number=METHOD + 1)), modes=(Mode.SECURE,)
)
SERVER: Final = ServerConfig(name=MON, addresses=(SERVER_AT,), methods=(Scripted(),), modes=(Mode.SECURE,))

CLIENT_IDENT: Final = ClientIdent(
    addresses=(EntityAddr.parse("any:127.0.0.1:0/5"),),
    target=SERVER_AT,
    gid=GLOBAL_ID,
    global_seq=1,
    supported=SUPPORTED,
    required=MSG_ADDR2,
    flags=LOSSY,
    cookie=0,
)
SERVER_IDENT: Final = ServerIdent(
    addresses=(SERVER_AT,), gid=0, global_seq=1, supported=SUPPORTED, required=MSG_ADDR2, flags=LOSSY, cookie=0
)


ADMIT: Final = Admit()
NODE_HELLO: Final = NodeHello(cluster="prod", node=1, host="one.example")


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """An admission that says the same of every node."""

    verdict: NodeVerdict = ADMIT
    introduction: NodeHello = NODE_HELLO

    def hello(self) -> NodeHello:
        """Return what this end says about itself."""
        return self.introduction

    def judge(self, hello: NodeHello, login: Login, *, dialled: bool) -> NodeVerdict:
        """Return the verdict."""
        return self.verdict


KIND_NUMBERS: Final = {FailureKind.PERMANENT: 1, FailureKind.TRANSIENT: 2, FailureKind.SESSION_MISMATCH: 3}
LATER: Final = Doorkeeper(Later())
REJECT: Final = Reject(kind=RejectKind.TRANSIENT, rule="NODE-3", reason="not now")
EXTENDED_CLIENT: Final = replace(CLIENT, node=Doorkeeper())
EXTENDED_SERVER: Final = replace(SERVER, node=Doorkeeper())


class Script:
    """A connection in `end`, and what its peer needs to know to play along."""

    def __init__(
        self,
        config: ClientConfig | ServerConfig,
        *,
        revision: Revision = Revision.REV1,
        session: PeerSession | None = None,
        sessions: SessionTable | None = None,
    ) -> None:
        config = replace(config, revisions=frozenset({revision}))
        dice = Stream("script")
        self.end = Connection(config, dice=dice, peer_address=CLIENT_AT, session=session, sessions=sessions)
        self.config: Config = config
        self.revision = revision
        self.now = BEGIN
        self.events: list[Event] = []
        self.keys = KEYS
        self.said = 0
        self._said = bytearray()
        self._heard = bytearray()
        self._decoder = FrameDecoder(crc_mode(revision), Limits().session(), lambda _: None, self._heard.extend)
        self.end.start(now=self.now, wall=WALL)

    @property
    def is_client(self) -> bool:
        """Whether the connection dials, and so the peer accepts."""
        return isinstance(self.config, ClientConfig)

    @property
    def head_size(self) -> int:
        """How many bytes of a frame tell how long it is, in the present mode."""
        return self._decoder.mode.head_size

    def feed(self, data: Octets) -> list[Event]:
        """Send bytes as they are; returns what happened."""
        self.said += len(data)
        if self._decoder.tap is not None:
            self._said += data
        self.end.receive_data(data, now=self.now)
        return self.collect()

    def collect(self) -> list[Event]:
        """Return the events that nobody has taken yet."""
        new = drain_events(self.end)
        self.events += new
        return new

    def seal(self, frame: Frame) -> bytes:
        """Return the bytes of a frame in the present mode; in secure mode each frame can be sealed once."""
        compressor = self._decoder.compressor
        packed = frame if compressor is None else compressor.pack(frame)
        return b"".join(bytes(piece) for piece in self._decoder.mode.seal(packed))

    def seal_head(self, head: Preamble) -> bytes:
        """Return the head of a frame with that preamble, whatever it says, in the present mode."""
        mode = self._decoder.mode
        if isinstance(mode, SecureRev1):
            return mode._encrypt(head.encode().ljust(mode.head_size - 16, b"\0"))
        if isinstance(mode, SecureRev0):  # its tag comes at the end of the frame
            return mode._encrypt(head.encode())[: mode.head_size]
        return head.encode()

    def compress(self, algorithm: Algorithm, minimum: int = 0) -> None:
        """Go over to compression, as COMPRESSION_DONE passes."""
        self._decoder.compressor = FrameCompressor(algorithm, minimum)

    def frame(self, *frames: Frame) -> list[Event]:
        """Send frames; returns what happened."""
        return self.feed(b"".join(map(self.seal, frames)))

    def say(self, *payloads: Control | NodeControl) -> list[Event]:
        """Send control frames; returns what happened."""
        return self.frame(*map(to_frame, payloads))

    def hear_frames(self) -> list[Frame]:
        """Return the frames that the connection sent."""
        self._decoder.feed(drain(self.end))
        frames = []
        while (frame := self._decoder.next_frame()) is not None:
            frames.append(frame)
        return frames

    def hear(self, kind: type[P]) -> P:
        """Return what the connection said, which must be one frame of this kind."""
        (frame,) = self.hear_frames()
        payload = of_frame(frame)
        assert isinstance(payload, kind)
        return payload

    def hear_first_frame(self) -> Frame:
        """Return the next frame that the connection sent; what follows stays raw, as it may be in another mode."""
        self._decoder.feed(drain(self.end))
        frame = self._decoder.next_frame()
        assert frame is not None
        return frame

    def hear_first(self, kind: type[P]) -> P:
        """Return the next thing that the connection said."""
        payload = of_frame(self.hear_first_frame())
        assert isinstance(payload, kind)
        return payload

    def hear_nothing(self) -> None:
        """Check that the connection has nothing to say."""
        assert drain(self.end) == b""

    def banner(self, supported: int = 3, required: int = 0) -> list[Event]:
        """Exchange banners; the connection says HELLO. Where it offers the extension, so do we."""
        self._decoder.feed(drain(self.end))
        raw = self._decoder.take_raw(BANNER_SIZE)
        assert raw is not None
        assert len(raw) > HEAD_SIZE
        if self.revision is Revision.REV0:
            supported &= ~1
        supported |= self.config.banner_features & BannerFeature.MSGR_EXT
        return self.feed(Banner(supported=supported, required=required).to_wire())

    def switch(self, mode: Mode) -> None:
        """Go over to the mode agreed, as AUTH_DONE passes; whatever follows is in no transcript."""
        self._decoder.tap = None
        if mode is Mode.SECURE:
            self._decoder.mode = secure_mode(self.revision, self.keys.connection_secret, client=not self.is_client)

    def signature(self) -> AuthSignature:
        """Return the signature that the connection must be sent."""
        return AuthSignature(signature=sign(self.keys.session_key, self._heard))

    def expected_signature(self) -> AuthSignature:
        """Return the signature that the connection must have sent."""
        return AuthSignature(signature=sign(self.keys.session_key, self._said))


def request(payload: bytes = b"D", modes: tuple[int, ...] = (Mode.SECURE,), method: int = METHOD) -> AuthRequest:
    """Return an AUTH_REQUEST of the scripted method."""
    return AuthRequest(method=method, modes=modes, payload=payload)


def message(seq: int = 1, *body: Octets) -> Frame:
    """Return a MESSAGE frame with that number and up to three more segments."""
    return Frame.of(Tag.MESSAGE, header(seq), *body)


def header(seq: int = 1) -> bytes:
    """Return the 41 bytes of a message's header."""
    return seq.to_bytes(8, "little") + bytes(8) + b"\x07\x00\x7f\x00" + bytes(21)


def refused(script: Script, kind: type[X], rule: str) -> X:
    """Return why the connection ended: an error of exactly that kind, over that rule, with nothing said to the peer."""
    error = error_of(script.events)
    assert type(error) is kind, repr(error)
    assert isinstance(error, PeerError)
    assert error.rule == rule
    assert str(error).endswith(f" [{rule}]")
    assert len(str(error)) < 500
    script.hear_nothing()
    return error


def parted(script: Script, kind: type[X], rule: str) -> X:
    """Return why an extended connection ends: the peer was told all of it, and is then waited for (NODE-8)."""
    assert isinstance(script.end.state, Parting), script.end.state
    told = script.hear(NodeReject)
    assert not any(isinstance(event, Closed) for event in script.events)
    script.end.receive_eof()
    script.collect()
    error = error_of(script.events)
    assert type(error) is kind, repr(error)
    assert isinstance(error, PeerError)
    assert (error.rule, told.rule, told.reason) == (rule, rule, error.text)
    assert told.kind == KIND_NUMBERS[error.kind]
    script.hear_nothing()
    return error
