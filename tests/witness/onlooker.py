"""Listens to a conversation with the clients' keys: every frame, every checksum, proof and signature.

It shares no code with msgr. Where something cannot be right, it raises Wrong.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import digest

from .decoder import Reader, Seen
from .opening import Bytes, Wrong, unseal
from .sealing import Key

TAGS = (
    *("BANNER", "HELLO", "AUTH_REQUEST", "AUTH_BAD_METHOD", "AUTH_REPLY_MORE", "AUTH_REQUEST_MORE", "AUTH_DONE"),
    *("AUTH_SIGNATURE", "CLIENT_IDENT", "SERVER_IDENT", "IDENT_MISSING_FEATURES", "SESSION_RECONNECT"),
    *("SESSION_RESET", "SESSION_RETRY", "SESSION_RETRY_GLOBAL", "SESSION_RECONNECT_OK", "WAIT", "MESSAGE"),
    *("KEEPALIVE2", "KEEPALIVE2_ACK", "ACK", "COMPRESSION_REQUEST", "COMPRESSION_DONE"),
)
"""The names of the tags by their number."""
PRIVATE = {0xC0: "NODE_HELLO", 0xC1: "NODE_ACCEPT", 0xC2: "NODE_REJECT"}
"""Where both banners have bit 48, and nowhere else."""
TO_A_MONITOR = 10
KINDS = {1: "mon", 2: "mds", 4: "osd", 8: "client", 16: "mgr"}
ALGORITHMS = {1: "snappy", 2: "zlib"}
OTHER = {"client": "server", "server": "client"}


def key_of(text: str) -> Key:
    return Bytes(b64decode(text)).key()


def name_of(tag: int) -> str:
    return PRIVATE.get(tag) or TAGS[tag]


def described(seen: Seen) -> dict[str, object]:
    """A frame as vectors write it down; a banner has no tag."""
    frame: dict[str, object] = {"name": name_of(seen.tag), "tag": seen.tag or None}
    frame |= {"compressed": True} if seen.compressed else {}
    return frame | {"segments": [part.hex() for part in seen.segments]}


@dataclass
class Onlooker:
    """What is known of one connection.

    `lenient` believes every proof and signature: the bytes are from before somebody meddled. Who listens behind that
    one is given another listener, who stands in front, as `before`: an end proves what it was told, to one who knows
    what it said.
    """

    keys: Mapping[str, Key]
    lenient: bool = False
    before: Onlooker | None = None
    readers: dict[str, Reader] = field(default_factory=lambda: {"client": Reader(), "server": Reader()})
    banners: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, bytes] = field(default_factory=lambda: {"client": b"", "server": b""})
    principal: Key | None = None
    session_key: Key | None = None
    connection_secret: bytes = b""
    challenge: bytes = b""
    method: int = 0
    mode: int = 0

    def read(self, sender: str, wire: bytes, *, heard: bytes | None = None) -> list[Seen]:
        """The frames that an end said, its banner first; `heard` is what arrived, where somebody meddled."""
        reader = self.readers[sender]
        reader.buffer += wire
        found: list[Seen] = []
        if sender not in self.banners:
            raw = reader.banner()
            if raw is None:
                return found
            self._meet(sender, raw, raw if heard is None else heard[: len(raw)])
            found.append(Seen(0, (raw,), raw))
        while (frame := reader.frame()) is not None:
            found.append(frame)
            self._understand(sender, frame)
        return found

    def _meet(self, sender: str, raw: bytes, heard: bytes) -> None:
        if raw[:10] != b"ceph v2\n\x10\0":
            raise Wrong("a banner")
        self.banners[sender] = raw
        self.said[sender] += raw
        # What an end speaks depends on what it said of itself and on what it heard of the other.
        spoken = "2.1" if heard[10] & 1 else "2.0"
        for end, bit in ((OTHER[sender], spoken), (sender, "2.1" if raw[10] & 1 else "2.0")):
            if bit == "2.0":
                self.readers[end].revision = "2.0"

    def _understand(self, sender: str, frame: Seen) -> None:
        private = frame.tag in PRIVATE and all(banner[16] & 1 for banner in self.banners.values())
        if not private and not 0 < frame.tag < len(TAGS):
            raise Wrong("a tag")
        said = getattr(self, f"_{name_of(frame.tag).lower()}", None)
        if not self.mode and frame.tag != 7:
            self.said[sender] += frame.raw
        if said is not None:
            said(sender, Bytes(frame.segments[0]))

    def _auth_request(self, sender: str, payload: Bytes) -> None:
        self.method, modes = payload.number(4), payload.number(4)
        payload.take(4 * modes)
        inner = Bytes(payload.blob())
        self.principal = None
        if self.method == 2 and inner.number(1) == TO_A_MONITOR:
            kind, name = inner.number(4), inner.blob().decode()
            self.principal = self.keys.get(f"{KINDS.get(kind)}.{name}")

    def _auth_reply_more(self, sender: str, payload: Bytes) -> None:
        self.challenge = payload.blob()[1:]

    def _auth_request_more(self, sender: str, payload: Bytes) -> None:
        if self.principal is None:
            return
        inner = Bytes(payload.blob())
        if (inner.number(2), inner.number(1)) != (0x0100, 3):
            raise Wrong("what a client asks for")
        proof = self.principal.prove(int.from_bytes((self.before or self).challenge, "little"), inner.number(8))
        if not self.lenient and proof != inner.number(8):
            raise Wrong("a proof")

    def _auth_done(self, sender: str, payload: Bytes) -> None:
        payload.take(8)
        self.mode = payload.number(4)
        inner = Bytes(payload.blob())
        payload.end()
        if self.principal is not None:
            self._granted(inner, self.principal)
        if self.mode == 2:
            for end, reader in self.readers.items():
                reader.secure(self.connection_secret, dialled=end == "client")

    def _granted(self, inner: Bytes, principal: Key) -> None:
        if (inner.number(2), inner.number(4), inner.number(1), inner.number(4)) != (0x0100, 0, 1, 1):
            raise Wrong("the head of what is granted")
        if (inner.number(4), inner.number(1)) != (0x20, 1):
            raise Wrong("a ticket for another service")
        told = unseal(principal, 0x04, inner.blob())
        told.take(1)
        self.session_key = told.key()
        told.take(8)
        told.end()
        inner.take(1)
        inner.blob()
        sealed = Bytes(inner.blob())
        self.connection_secret = unseal(self.session_key, 0x03, sealed.blob()).blob()
        inner.blob()
        inner.end()

    def _auth_signature(self, sender: str, payload: Bytes) -> None:
        if self.lenient or (self.method == 2 and self.session_key is None):
            return  # between services, whose tickets nobody else can open
        said = (self.before or self).said[OTHER[sender]]
        if payload.data != (digest(self.session_key.secret, said, "sha256") if self.session_key else bytes(32)):
            raise Wrong("a signature")

    def _compression_done(self, sender: str, payload: Bytes) -> None:
        on, algorithm = payload.number(1), payload.number(4)
        for reader in self.readers.values():
            reader.algorithm = ALGORITHMS[algorithm] if on else None

    def _session_reconnect(self, sender: str, payload: Bytes) -> None:
        if not int.from_bytes(payload.data[-16:-8], "little"):
            raise Wrong("a connect_seq that was never raised")
