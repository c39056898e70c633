"""The server that is judged: where it is, who we are to it, and what a first visit found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..auth import AuthMethod, CephxClient, ClientMethod, CryptoKey, NoneClient
from ..frame import Mode, Revision
from ..payload import LOSSY, Banner, Hello, ServerIdent
from ..wire import BannerFeature, Endpoint, EntityAddr, EntityName, EntityType
from .peer import Form


@dataclass(slots=True)
class Facts:
    """What a first visit found out; what stays None was never reached, and `trouble` says why."""

    banner: Banner | None = None
    hello: Hello | None = None
    methods: Sequence[int] = ()
    """The numbers of the methods that it allows."""
    modes: Sequence[int] = ()
    ident: ServerIdent | None = None
    answers: bool = False
    """Whether it answers a message with one."""
    trouble: str = ""

    @property
    def compression(self) -> bool:
        """Whether compression is talked about."""
        return self.banner is not None and bool(self.banner.supported & BannerFeature.COMPRESSION)

    @property
    def lossless(self) -> bool:
        """Whether it keeps sessions with us beyond their connection."""
        return self.ident is not None and not self.ident.flags & LOSSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server, and the credentials that we show to it: a key, or nothing for method none."""

    endpoint: Endpoint
    target: EntityAddr
    name: EntityName
    key: CryptoKey | None = field(default=None, repr=False)
    facts: Facts = field(default_factory=Facts)

    @property
    def number(self) -> AuthMethod:
        """The method by which we authenticate."""
        return AuthMethod.NONE if self.key is None else AuthMethod.CEPHX

    def method(self) -> ClientMethod:
        """Return a method without a past."""
        if self.key is not None:
            return CephxClient(self.name, self.key)
        hello = self.facts.hello
        asks_monitor = self.name.type != EntityType.MON and (hello is None or hello.entity_type == EntityType.MON)
        return NoneClient(self.name, service=not asks_monitor)

    def allows(self, mode: Mode) -> bool:
        """Tell whether the server and our method go with a mode."""
        return mode in self.facts.modes and (mode is Mode.CRC or self.key is not None)

    @property
    def form(self) -> Form:
        """How we speak unless a case is about another way: msgr2.1, in crc mode where that is allowed."""
        return Form(Revision.REV1, Mode.CRC if self.allows(Mode.CRC) or self.key is None else Mode.SECURE)
