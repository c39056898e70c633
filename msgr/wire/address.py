"""Addresses of entities and vectors of them, in the modern and the legacy form.

Modern form (ADDR-1): marker 1, then a versioned struct: u8 version, u8 compat, u32 size, and inside it u32 type,
u32 nonce, u32 length of the socket address, socket address. Legacy form: u32 0, u32 nonce, a `sockaddr_storage` of
128 bytes whose family is big-endian. We read both and write the modern one.

==========  ====  =================================================================================================
family      size  socket address (ADDR-2)
==========  ====  =================================================================================================
2 (IPv4)    16    u16 family (little-endian), u16 port (big-endian), 4 address bytes, 8 zeros
10 (IPv6)   28    u16 family (little-endian), u16 port (big-endian), u32 flow information (big-endian), 16 address
                  bytes, u32 scope id (little-endian)
0 (unset)   28    zeros; a length of 0 is understood as well
==========  ====  =================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from struct import error as struct_error
from typing import Final, Self, TypeAlias

from ..errors import ConfigError, DecodeError, ShortRead
from .cursor import Octets, Reader

IPAddress: TypeAlias = IPv4Address | IPv6Address

_IPV4: Final = Struct(">H4s8x")
_IPV6: Final = Struct(">HI16s")
_HEAD: Final = Struct("<BBI")
_FIXED: Final = Struct("<III")
_KEY: Final = Struct("<II")
_LEGACY_SIZE: Final = 128
_FAMILY_IPV4: Final = 2
_FAMILY_IPV6: Final = 10
_SIZES: Final = {_FAMILY_IPV4: 16, _FAMILY_IPV6: 28}
_LARGEST: Final = 28


def unmapped(host: IPAddress) -> IPAddress:
    """Return a host; an IPv4 address that is dressed up as one of IPv6, as itself."""
    return (host.ipv4_mapped or host) if isinstance(host, IPv6Address) else host


@unique
class AddressType(IntEnum):
    """Which protocol listens at an address."""

    NONE = 0
    LEGACY = 1
    MSGR2 = 2
    ANY = 3


_PREFIXES: Final = {"none": AddressType.NONE, "v1": AddressType.LEGACY, "v2": AddressType.MSGR2, "any": AddressType.ANY}
_NAMES: Final = {number: prefix for prefix, number in _PREFIXES.items()}
_TYPES: Final = {int(number): number for number in AddressType}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address as a person writes it, whose host may still be a name: `v2:HOST:PORT[/NONCE]`."""

    type: AddressType
    host: str
    port: int
    nonce: int = 0

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the parts of `TYPE:HOST:PORT[/NONCE]`, IPv6 hosts in brackets; raises ConfigError."""
        prefix, _, rest = written.partition(":")
        rest, slash, nonce = rest.partition("/")
        host, _, port = rest.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ConfigError(f"{written!r}: an IPv6 host stands in brackets, as in v2:[::1]:6789")
        if prefix not in _PREFIXES or not host:
            raise ConfigError(f"{written!r} is not an address: write v2:HOST:PORT")
        number, salt = _decimal(port), _decimal(nonce) if slash else 0
        if number is None or number > 0xFFFF:
            raise ConfigError(f"{written!r}: the port is a number up to 65535")
        if salt is None or salt > 0xFFFFFFFF:
            raise ConfigError(f"{written!r}: the nonce is a number below 2^32")
        return cls(_PREFIXES[prefix], host, number, salt)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_NAMES[self.type]}:{host}:{self.port}" + (f"/{self.nonce}" if self.nonce else "")


def _decimal(digits: str) -> int | None:
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else None


@dataclass(frozen=True, slots=True)
class EntityAddr:
    """One address of an entity.

    `host` is None for an address that is not set. A socket address of a family that we do not know is kept in
    `opaque`, so that two of them stay different.
    """

    type: int
    nonce: int = 0
    host: IPAddress | None = None
    port: int = 0
    flowinfo: int = 0
    scope_id: int = 0
    opaque: bytes = b""

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the address written as `v2:IP:PORT[/NONCE]`; raises ConfigError."""
        endpoint = Endpoint.parse(written)
        host, _, zone = endpoint.host.partition("%")
        try:
            ip = ip_address(host)
        except ValueError:
            raise ConfigError(f"{written!r}: {endpoint.host!r} is not an IP address") from None
        scope = _decimal(zone) if zone else 0
        if scope is None or scope > 0xFFFFFFFF or (zone and ip.version == 4):
            raise ConfigError(f"{written!r}: a zone is the number of an interface, and of IPv6 only")
        return cls(endpoint.type, endpoint.nonce, ip, endpoint.port, scope_id=scope)

    def __str__(self) -> str:
        prefix = _NAMES.get(AddressType(self.type), "?") if self.type in _NAMES else f"type-{self.type}"
        if self.opaque:
            return f"{prefix}:opaque:{self.opaque.hex()}/{self.nonce}"
        if self.host is None:
            return f"{prefix}:-/{self.nonce}"
        zone = f"%{self.scope_id}" if self.scope_id else ""
        host = f"[{self.host}{zone}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{prefix}:{host}:{self.port}/{self.nonce}"

    def sockaddr(self) -> bytes:
        """Return the socket address as the wire has it."""
        if self.opaque:
            return self.opaque
        if isinstance(self.host, IPv4Address):
            return _FAMILY_IPV4.to_bytes(2, "little") + _IPV4.pack(self.port, self.host.packed)
        if isinstance(self.host, IPv6Address):
            scope = self.scope_id.to_bytes(4, "little")
            packed = _IPV6.pack(self.port, self.flowinfo, self.host.packed)
            return _FAMILY_IPV6.to_bytes(2, "little") + packed + scope
        return bytes(_LARGEST)

    def encode(self) -> bytes:
        """Return the modern form, with its marker; raises ConfigError where a number does not fit."""
        try:
            sockaddr = self.sockaddr()
            body = _FIXED.pack(self.type, self.nonce, len(sockaddr)) + sockaddr
        except (struct_error, OverflowError) as error:
            raise ConfigError(f"{self!r}: {error}") from None
        return b"\x01" + _HEAD.pack(1, 1, len(body)) + body

    @classmethod
    def decode(cls, data: Octets) -> Self:
        """Read an address of either form off the front of `data`; raises DecodeError."""
        return cls.read(Reader(data))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read an address of either form where `reader` stands; raises DecodeError."""
        marker = reader.number(1)
        if marker == 1:
            return cls.read_modern(reader)
        if marker == 0:
            return cls.read_legacy(reader)
        raise DecodeError(f"address marker {marker} where 0 (legacy) or 1 (modern) belongs", rule="ADDR-1")

    @classmethod
    def read_modern(cls, reader: Reader) -> Self:
        """Read what follows marker 1."""
        _version, compat, size = reader.unpack(_HEAD)
        if compat > 1:
            raise DecodeError(f"an address that only version {compat} decoders read; ours is 1", rule="WIRE-3")
        inner = reader.within(size)  # what newer versions append at its end stays unread
        kind, nonce, length = inner.unpack(_FIXED)
        return cls._of_sockaddr(kind, nonce, inner.take(length))

    @classmethod
    def read_legacy(cls, reader: Reader) -> Self:
        """Read what follows marker 0, the first byte of a u32."""
        reader.view(3)
        nonce = reader.number(4)
        storage = reader.take(_LEGACY_SIZE)
        family = int.from_bytes(storage[:2], "big")
        if family == 0:
            return cls(AddressType.LEGACY, nonce)
        # Turned to little-endian, an unknown family can be kept and written in the modern form.
        sockaddr = family.to_bytes(2, "little") + storage[2 : _SIZES.get(family, _LARGEST)]
        return cls._of_sockaddr(AddressType.LEGACY, nonce, sockaddr)

    @classmethod
    def _of_sockaddr(cls, kind: int, nonce: int, sockaddr: bytes) -> Self:
        known = _TYPES.get(kind, kind)
        if not sockaddr:
            return cls(known, nonce)
        if len(sockaddr) == 1:
            raise ShortRead(needed=2, left=1, rule="ADDR-2")
        family = int.from_bytes(sockaddr[:2], "little")
        size = _SIZES.get(family, _LARGEST)
        if len(sockaddr) > size:
            raise DecodeError(f"{len(sockaddr)} bytes of socket address, {size} at most here", rule="ADDR-2")
        whole = sockaddr[2:].ljust(size - 2, b"\0")
        if family == _FAMILY_IPV4:
            port, packed = _IPV4.unpack(whole)
            return cls(known, nonce, IPv4Address(packed), port)
        if family == _FAMILY_IPV6:
            port, flowinfo, packed = _IPV6.unpack_from(whole)
            return cls(known, nonce, IPv6Address(packed), port, flowinfo, int.from_bytes(whole[22:26], "little"))
        return cls(known, nonce, opaque=sockaddr if any(sockaddr) else b"")

    def sort_key(self) -> bytes:
        """Return the bytes by which Ceph orders addresses, to decide races (SESSION-RACE-1)."""
        return _KEY.pack(self.type, self.nonce) + self.sockaddr().ljust(_LARGEST, b"\0")


class _AddressCodec:
    """An address as a field of a record."""

    def write(self, out: bytearray, value: EntityAddr) -> None:
        out += value.encode()

    def read(self, reader: Reader) -> EntityAddr:
        return EntityAddr.read(reader)


class _AddressVectorCodec:
    """A vector of addresses as a field of a record (ADDR-3).

    Marker 2, u32 count, addresses: what everybody writes. Markers 1 and 0 begin one bare address of the modern or the
    legacy form, which is understood as a vector of one.
    """

    def write(self, out: bytearray, value: tuple[EntityAddr, ...]) -> None:
        out += b"\x02" + len(value).to_bytes(4, "little")
        for addr in value:
            out += addr.encode()

    def read(self, reader: Reader) -> tuple[EntityAddr, ...]:
        marker = reader.number(1)
        if marker == 1:
            return (EntityAddr.read_modern(reader),)
        if marker == 0:
            return (EntityAddr.read_legacy(reader),)
        if marker != 2:
            raise DecodeError(f"address vector marker {marker} where 0, 1 or 2 belongs", rule="ADDR-3")
        count = reader.number(4)
        if count * 19 > reader.left:  # 19 bytes: the smallest address
            raise ShortRead(needed=count * 19, left=reader.left, rule="ADDR-3")
        return tuple(EntityAddr.read(reader) for _ in range(count))


address: Final = _AddressCodec()
address_vector: Final = _AddressVectorCodec()
