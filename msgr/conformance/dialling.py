"""Our end of a connection with a server: the steps of a client, each of which a case may take otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import IntEnum, unique
from typing import Any, Final

from ..auth import ClientConversation, ClientMethod, Keys, sign
from ..errors import MsgrError
from ..frame import Mode, Revision
from ..net.dial import dial
from ..payload import (
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
)
from ..wire import MSG_ADDR2, SUPPORTED, AddressType, BannerFeature, EntityAddr
from .candidate import Candidate
from .peer import Form, Peer, Terms, require
from .transcript import Transcript
from .wire import Wire

NOBODY: Final = 0x6D736772
"""A method that no peer has: whoever is asked for it tells which ones there are."""


@unique
class Stage(IntEnum):
    """How far a handshake has come."""

    CONNECTED = 0
    BANNER = 1
    """Banners are exchanged."""
    HELLO = 2
    """HELLOs are exchanged."""
    CHALLENGED = 3
    """AUTH_REPLY_MORE came, which is not answered; only with a method that has steps."""
    DONE = 4
    """AUTH_DONE came, and the server's signature; ours is not sent."""
    SIGNED = 5
    """Our signature is sent."""
    AGREED = 6
    """Compression was talked about, where both banners have the bit."""
    READY = 7
    """SERVER_IDENT came."""


class Dialling(Peer):
    """A client, by hand. `to` goes through the handshake up to a stage; the steps can be taken one by one as well."""

    def __init__(self, wire: Wire, terms: Terms, visit: Visit, form: Form) -> None:
        super().__init__(wire, terms, dialled=True)
        self.visit = visit
        self.form = form
        self.compression = True
        """Whether our banner has the bit."""
        self.extension = False
        """Whether our banner has MSGR_EXT."""
        self.stage = Stage.CONNECTED
        self.heard_of: dict[type[Any], Any] = {}
        """The last that the server said of each kind."""
        self.conversation: ClientConversation | None = None
        self.keys: Keys | None = None

    @property
    def candidate(self) -> Candidate:
        """The server."""
        return self.visit.candidate

    @property
    def features(self) -> int:
        """The features of our banner."""
        revision = BannerFeature.REVISION_1 if self.form.revision is Revision.REV1 else 0
        extension = BannerFeature.MSGR_EXT if self.extension else 0
        return int(revision | extension | (BannerFeature.COMPRESSION if self.compression else 0))

    async def to(self, stage: Stage) -> None:
        """Go through the handshake, rightly, up to a stage; raises Violation, and NotJudged where that cannot be."""
        while self.stage < stage:
            await _STEPS[self.stage](self, stage)

    async def banners(self, _: Stage = Stage.BANNER) -> None:
        """Exchange banners."""
        self.heard_of[Banner] = await self.hear_banner()
        banner = Banner(supported=self.features)
        await self.write(banner.to_wire(), repr(banner))
        self.frame_in(self.form.revision)
        self.stage = Stage.BANNER

    async def hellos(self, _: Stage = Stage.HELLO) -> None:
        """Exchange HELLOs."""
        if self.form.revision is Revision.REV0:
            # BANNER-5 leaves it open whether a peer takes the old revision at all.
            require(await self._says_hello(), "the peer takes msgr2.1 only")
        else:
            self.heard_of[Hello] = await self.expect(Hello)
        await self.send(self.hello())
        self.stage = Stage.HELLO

    async def _says_hello(self) -> bool:
        self.terms.checks.expect("HELLO, framed in 2.0, or the end of the connection")
        frame = await self.next()
        if frame is not None:
            self.heard_of[Hello] = self.payload_of(frame, Hello)
        return frame is not None

    def hello(self) -> Hello:
        """Return the HELLO that we say."""
        return Hello(entity_type=self.candidate.name.type, peer_address=self.candidate.target)

    @staticmethod
    def nonsense() -> AuthRequest:
        """Return an AUTH_REQUEST of a method that nobody has, which is answered by AUTH_BAD_METHOD."""
        return AuthRequest(method=NOBODY, modes=(Mode.CRC, Mode.SECURE), payload=b"")

    def request(self, method: ClientMethod | None = None, **changes: Any) -> AuthRequest:
        """Return the AUTH_REQUEST with which a conversation begins, of a client with a past if one is given."""
        candidate = self.candidate
        facts = candidate.facts
        if facts.methods:
            require(
                candidate.number in facts.methods,
                f"the peer does not allow method {candidate.number.name.lower()}"
                + (": give --name and --keyring" if candidate.key is None else ""),
            )
            require(candidate.allows(self.form.mode), f"the peer does not allow {self.form.mode.name.lower()} mode")
        self.conversation = (method or candidate.method()).converse(self.terms.dice, now=self.terms.wall())
        fields: dict[str, Any] = {
            "method": candidate.number,
            "modes": (self.form.mode,),
            "payload": self.conversation.begin(),
        }
        return AuthRequest(**fields | changes)

    async def ask(self, stage: Stage = Stage.CHALLENGED) -> None:
        """Ask to be let in, and take the challenge if there is one."""
        if self.candidate.key is None:
            require(stage != Stage.CHALLENGED, "method none has no challenge: give --name and --keyring")
            await self.send(self.request())
        else:
            await self.send(self.request())
            self.heard_of[AuthReplyMore] = await self.expect(AuthReplyMore)
        self.stage = Stage.CHALLENGED

    def proof(self) -> AuthRequestMore:
        """Return the answer to the challenge."""
        assert self.conversation is not None
        challenge: AuthReplyMore = self.heard_of[AuthReplyMore]
        try:
            return AuthRequestMore(payload=self.conversation.more(challenge.payload))
        except MsgrError as error:
            raise self.terms.checks.fail(str(error)) from None

    async def prove(self, _: Stage = Stage.DONE) -> None:
        """Answer the challenge, take AUTH_DONE, go over to the mode agreed, and check the server's signature."""
        if self.candidate.key is not None:
            await self.send(self.proof())
        await self.take_done()
        await self.take_signature()

    async def take_done(self) -> None:
        """Take AUTH_DONE, and go over to the mode agreed."""
        done = await self.expect(AuthDone)
        self.heard_of[AuthDone] = done
        assert self.conversation is not None
        try:
            mode = Mode(done.mode)
            self.keys = self.conversation.done(done.payload, global_id=done.global_id, mode=mode)
            if mode is Mode.SECURE:
                self.encrypt(self.form.revision, self.keys.connection_secret)
        except (MsgrError, ValueError) as error:
            raise self.terms.checks.fail(f"an AUTH_DONE that cannot be taken: {error}") from None

    async def take_signature(self) -> None:
        """Take the server's AUTH_SIGNATURE, and check it."""
        assert self.keys is not None
        ours = sign(self.keys.session_key, bytes(self.heard))
        theirs = sign(self.keys.session_key, bytes(self.said))
        found = await self.expect(AuthSignature)
        self.check(
            found.signature == theirs, f"AUTH_SIGNATURE {theirs.hex()}", f"AUTH_SIGNATURE {found.signature.hex()}"
        )
        self.heard_of[AuthSignature] = AuthSignature(signature=ours)
        self.stage = Stage.DONE

    async def sign(self, _: Stage = Stage.SIGNED) -> None:
        """Send our signature."""
        await self.send(self.heard_of[AuthSignature])
        self.stage = Stage.SIGNED

    @property
    def talks_compression(self) -> bool:
        """Whether both banners have the bit."""
        banner: Banner = self.heard_of[Banner]
        return bool(self.features & banner.supported & BannerFeature.COMPRESSION)

    async def compress(self, _: Stage = Stage.AGREED) -> None:
        """Say that we want no compression, where it is talked about."""
        if self.talks_compression:
            await self.send(CompressionRequest(wanted=False, algorithms=()))
            found = await self.expect(CompressionDone)
            self.check(not found.on, "compression stays off, which was not wanted", found)
        self.stage = Stage.AGREED

    def ident(self, **changes: Any) -> ClientIdent:
        """Return the CLIENT_IDENT of a new session."""
        done: AuthDone = self.heard_of[AuthDone]
        fields: dict[str, Any] = {
            "addresses": self.visit.addresses,
            "target": self.candidate.target,
            "gid": done.global_id,
            "global_seq": self.visit.next_seq(),
            "supported": SUPPORTED,
            "required": MSG_ADDR2,
            "flags": 0 if self.visit.cookie else 1,
            "cookie": self.visit.cookie,
        }
        return ClientIdent(**fields | changes)

    async def identify(self, _: Stage = Stage.READY) -> None:
        """Begin a session."""
        await self.send(self.ident())
        await self.take_ident()

    async def take_ident(self) -> ServerIdent:
        """Take SERVER_IDENT: the session is ready."""
        found = await self.expect(ServerIdent)
        self.heard_of[ServerIdent] = found
        self.in_session = True
        self.stage = Stage.READY
        return found

    async def another(self, stage: Stage = Stage.CONNECTED) -> Dialling:
        """Dial once more, as the same client, and go to a stage."""
        peer = await self.visit.dial(self.form)
        await peer.to(stage)
        return peer


_STEPS: Final[dict[Stage, Callable[[Dialling, Stage], Awaitable[None]]]] = {
    Stage.CONNECTED: Dialling.banners,
    Stage.BANNER: Dialling.hellos,
    Stage.HELLO: Dialling.ask,
    Stage.CHALLENGED: Dialling.prove,
    Stage.DONE: Dialling.sign,
    Stage.SIGNED: Dialling.compress,
    Stage.AGREED: Dialling.identify,
}


class Visit:
    """One case's dealings with a server: a client of its own, and the connections that it makes."""

    def __init__(self, candidate: Candidate, terms: Terms, begin: float) -> None:
        self.candidate = candidate
        self.terms = terms
        self.transcripts: list[Transcript] = []
        self.peers: list[Dialling] = []
        nonce = int(terms.dice(4).hex(), 16) or 1
        host = EntityAddr.parse("v2:127.0.0.1:0").host if candidate.target.host is None else candidate.target.host
        self.addresses: tuple[EntityAddr, ...] = (EntityAddr(AddressType.ANY, nonce, host, 0),)
        """By which the server knows this client, and no other."""
        self.cookie = int(terms.dice(8).hex(), 16) or 1
        self._begin = begin
        self._seq = 0

    def next_seq(self) -> int:
        """Return the next global_seq."""
        self._seq += 1
        return self._seq

    def skip_seqs(self, count: int) -> None:
        """Leave out so many numbers."""
        self._seq += count

    async def dial(self, form: Form) -> Dialling:
        """Connect; raises ConnectFailed."""
        connected, _ = await dial(self.candidate.endpoint)
        transcript = Transcript(lambda: self.terms.clock() - self._begin)
        self.transcripts.append(transcript)
        peer = Dialling(Wire(connected, transcript), self.terms, self, form)
        self.peers.append(peer)
        return peer

    async def leave(self) -> None:
        """Close all connections."""
        for peer in self.peers:
            await peer.leave()
