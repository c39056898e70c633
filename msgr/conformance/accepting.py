"""Our end of a connection that a client made: the steps of a server, each of which a case may take otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any, Final, Protocol

from ..auth import AuthMethod, Denied, Done, Keys, More, ServerConversation, ServerMethod, Verdict, sign
from ..frame import Mode, Revision, Tag
from ..payload import (
    LOSSY,
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    Banner,
    ClientIdent,
    CompressionDone,
    CompressionRequest,
    Hello,
    ServerIdent,
    SessionReconnect,
    SessionReset,
    of_frame,
)
from ..wire import MSG_ADDR2, SUPPORTED, BannerFeature, EntityAddr, EntityName
from .peer import Peer, Terms, require
from .verdict import Violation
from .wire import Wire


@unique
class Step(IntEnum):
    """How far a handshake has come."""

    CONNECTED = 0
    BANNER = 1
    """Banners are exchanged."""
    ASKED = 2
    """HELLOs are exchanged, and the client's AUTH_REQUEST came."""
    PROVED = 3
    """The client's answer to a challenge came; with a method without steps, its AUTH_REQUEST."""
    SIGNED = 4
    """AUTH_DONE is sent, and both signatures are exchanged."""
    AGREED = 5
    """Compression was talked about, where both banners have the bit."""
    IDENTIFIED = 6
    """CLIENT_IDENT came, or SESSION_RECONNECT."""
    READY = 7
    """SERVER_IDENT is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The server that we play: where it listens, its name, whom it lets in and in which modes."""

    address: EntityAddr
    name: EntityName
    method: ServerMethod = field(repr=False)


class GaveUp(Exception):
    """The client left before it asked to be let in."""


class Door(Protocol):
    """Where the client's connections come in."""

    async def next(self) -> Accepting:
        """Return its next connection; raises NotJudged where it does not come again."""


class Accepting(Peer):
    """A server, by hand. `to` goes through the handshake up to a step; they can be taken one by one as well."""

    def __init__(self, wire: Wire, terms: Terms, host: Host, door: Door, seen: EntityAddr) -> None:
        super().__init__(wire, terms, dialled=False)
        self.host = host
        self.door = door
        self.seen = seen
        self.features = int(BannerFeature.REVISION_1 | BannerFeature.COMPRESSION)
        self.modes: tuple[Mode, ...] = (Mode.CRC, Mode.SECURE)
        """Which are allowed."""
        self.step = Step.CONNECTED
        self.heard_of: dict[type[Any], Any] = {}
        """The last that the client said of each kind."""
        self.conversation: ServerConversation | None = None
        self.verdict: Verdict | None = None
        self.mode_agreed = Mode.CRC

    async def to(self, step: Step) -> None:
        """Go through the handshake, rightly, up to a step; raises Violation."""
        while self.step < step:
            await _STEPS[self.step](self)

    async def banners(self) -> None:
        """Exchange banners."""
        banner = Banner(supported=self.features)
        await self.write(banner.to_wire(), repr(banner))
        theirs = self.heard_of[Banner] = await self.hear_banner()
        self.frame_in(banner.revision_with(theirs))
        self.step = Step.BANNER

    @property
    def revision(self) -> Revision:
        """The revision agreed."""
        theirs: Banner = self.heard_of[Banner]
        return Banner(supported=self.features).revision_with(theirs)

    async def hellos(self) -> None:
        """Exchange HELLOs, and take the request of a method that we have."""
        await self.send(self.hello())
        self.heard_of[Hello] = await self.expect(Hello)
        try:
            await self.take_request()
        except Violation:
            # One that tries several monitors at once leaves the others like this; it says nothing of the rules.
            if not self.is_open:
                raise GaveUp from None
            raise
        self.step = Step.ASKED

    def hello(self) -> Hello:
        """Return the HELLO that we say."""
        return Hello(entity_type=self.host.name.type, peer_address=self.seen)

    async def take_request(self) -> AuthRequest:
        """Take AUTH_REQUEST; one of another method than ours is refused, so that the client may come with the next."""
        while True:
            request = await self.expect(AuthRequest)
            self.heard_of[AuthRequest] = request
            if request.method == self.host.method.number:
                return request
            await self.send(self.refusal(-95))

    def refusal(self, result: int) -> AuthBadMethod:
        """Return the answer to a request that is not granted."""
        request: AuthRequest = self.heard_of[AuthRequest]
        return AuthBadMethod(
            method=request.method,
            result=result,
            allowed_methods=(self.host.method.number,),
            allowed_modes=self.modes,
        )

    async def challenge(self) -> None:
        """Answer the request by a challenge, if our method has one, and take the proof."""
        request: AuthRequest = self.heard_of[AuthRequest]
        mode = next(
            (Mode(mode) for mode in request.modes if mode in self.modes and mode in self.host.method.modes), None
        )
        require(mode is not None, "the client offers no mode that goes with our method")
        assert mode is not None
        self.mode_agreed = mode
        self.conversation = self.host.method.converse(self.terms.dice, now=self.terms.wall())
        self.verdict = self.conversation.begin(request.payload, mode=mode)
        if isinstance(self.verdict, More):
            await self.send(AuthReplyMore(payload=self.verdict.payload))
            proof = self.heard_of[AuthRequestMore] = await self.expect(AuthRequestMore)
            self.verdict = self.conversation.more(proof.payload)
        if isinstance(self.verdict, Denied):
            # What it was granted by an earlier case may be no good to it, so it is told to begin anew.
            await self.send(self.refusal(self.verdict.result))
            raise GaveUp
        self.step = Step.PROVED

    @property
    def done(self) -> Done:
        """What admits the client; raises Violation where it proved nothing."""
        self.check(isinstance(self.verdict, Done), "a client that proves who it is", self.verdict)
        assert isinstance(self.verdict, Done)
        return self.verdict

    @property
    def has_steps(self) -> bool:
        """Whether our method challenges."""
        return self.host.method.number != AuthMethod.NONE

    def auth_done(self, **changes: Any) -> AuthDone:
        """Return the AUTH_DONE that admits the client."""
        done = self.done
        fields: dict[str, Any] = {
            "global_id": done.identity.global_id,
            "mode": self.mode_agreed,
            "payload": done.payload,
        }
        return AuthDone(**fields | changes)

    async def admit(self) -> None:
        """Send AUTH_DONE, go over to the mode agreed, and exchange signatures."""
        await self.send(self.auth_done())
        ours, theirs = self.signatures()
        await self.send(ours)
        await self.take_signature(theirs)

    def signatures(self) -> tuple[AuthSignature, AuthSignature]:
        """Go over to the mode agreed; returns our signature, and what the client's must be."""
        keys: Keys = self.done.keys
        ours = AuthSignature(signature=sign(keys.session_key, bytes(self.heard)))
        theirs = AuthSignature(signature=sign(keys.session_key, bytes(self.said)))
        if self.mode_agreed is Mode.SECURE:
            self.encrypt(self.revision, keys.connection_secret)
        return ours, theirs

    async def take_signature(self, theirs: AuthSignature) -> None:
        """Take the client's signature, and check it."""
        found = await self.expect(AuthSignature)
        self.check(
            found == theirs, f"AUTH_SIGNATURE {theirs.signature.hex()}", f"AUTH_SIGNATURE {found.signature.hex()}"
        )
        self.step = Step.SIGNED

    @property
    def talks_compression(self) -> bool:
        """Whether both banners have the bit."""
        theirs: Banner = self.heard_of[Banner]
        return bool(self.features & theirs.supported & BannerFeature.COMPRESSION)

    async def compress(self) -> None:
        """Leave compression off, where it is talked about."""
        if self.talks_compression:
            self.heard_of[CompressionRequest] = await self.expect(CompressionRequest)
            await self.send(CompressionDone(on=False, algorithm=0))
        self.step = Step.AGREED

    async def take_ident(self) -> None:
        """Take CLIENT_IDENT or SESSION_RECONNECT."""
        self.terms.checks.expect("CLIENT_IDENT or SESSION_RECONNECT")
        frame = await self.next()
        if frame is not None and frame.tag == Tag.SESSION_RECONNECT:
            self.heard_of[SessionReconnect] = of_frame(frame)
        else:
            self.heard_of[ClientIdent] = self.payload_of(frame, ClientIdent, what="CLIENT_IDENT or SESSION_RECONNECT")
        self.step = Step.IDENTIFIED

    async def begin_anew(self) -> ClientIdent:
        """Have CLIENT_IDENT: who asks to go on with a session is told that it is gone."""
        await self.to(Step.IDENTIFIED)
        if SessionReconnect in self.heard_of and ClientIdent not in self.heard_of:
            await self.send(SessionReset(full=True))
            self.heard_of[ClientIdent] = await self.expect(ClientIdent)
        ident: ClientIdent = self.heard_of[ClientIdent]
        return ident

    def server_ident(self, **changes: Any) -> ServerIdent:
        """Return the SERVER_IDENT of a new session, which is lossy."""
        fields: dict[str, Any] = {
            "addresses": (self.host.address,),
            "gid": 0,
            "global_seq": 1,
            "supported": SUPPORTED,
            "required": MSG_ADDR2,
            "flags": LOSSY,
            "cookie": 0,
        }
        return ServerIdent(**fields | changes)

    async def welcome(self) -> None:
        """Begin a session: a lossless one with a client that gives a cookie for it."""
        ident = await self.begin_anew()
        lossless = {"flags": 0, "cookie": int(self.terms.dice(8).hex(), 16) or 1} if ident.cookie else {}
        said = self.heard_of[ServerIdent] = self.server_ident(**lossless)
        await self.send(said)
        self.in_session = True
        self.step = Step.READY


_STEPS: Final[dict[Step, Callable[[Accepting], Awaitable[None]]]] = {
    Step.CONNECTED: Accepting.banners,
    Step.BANNER: Accepting.hellos,
    Step.ASKED: Accepting.challenge,
    Step.PROVED: Accepting.admit,
    Step.SIGNED: Accepting.compress,
    Step.AGREED: Accepting.take_ident,
    Step.IDENTIFIED: Accepting.welcome,
}


def seen_as(sockaddr: Any) -> EntityAddr:
    """Return the address at which we see a client."""
    host = str(sockaddr[0])
    written = f"[{host}]" if ":" in host else host
    return EntityAddr.parse(f"v2:{written}:{sockaddr[1]}")
