"""The banner: the first bytes of either side, before there are frames.

======  =====  =======================================================
offset  size   field
======  =====  =======================================================
0       8      `ceph v2` and a newline (BANNER-1)
8       u16    length of the payload: 16 from every known peer (BANNER-2)
10      u64    feature bits supported
18      u64    feature bits required
======  =====  =======================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ..errors import BannerError
from ..frame import Revision
from ..wire import BannerFeature, Octets, Reader, Record, u64

PREFIX: Final = b"ceph v2\n"
HEAD_SIZE: Final = len(PREFIX) + 2
"""How many bytes tell how long the banner is."""
_OLD_PREFIX: Final = b"ceph v027"
_PAYLOAD_SIZE: Final = 16
_REVISION_1: Final = int(BannerFeature.REVISION_1)  # a plain number: operations of flags are slow


def check_prefix(data: Octets) -> None:
    """Raise BannerError as soon as `data`, a beginning of any length, cannot become a banner (BANNER-1)."""
    begin = bytes(data[: len(PREFIX)])
    if begin == PREFIX[: len(begin)]:
        return
    if begin == _OLD_PREFIX[: len(begin)]:
        raise BannerError("the banner of the old protocol, msgr v1; this port speaks msgr v2", rule="BANNER-1")
    raise BannerError(f"{begin!r} where a banner begins with {PREFIX!r}", rule="BANNER-1")


def payload_size(head: Octets) -> int:
    """Return the length of the payload that the first `HEAD_SIZE` bytes announce; raises BannerError (BANNER-2)."""
    check_prefix(head)
    size = int.from_bytes(head[len(PREFIX) : HEAD_SIZE], "little")
    if size < _PAYLOAD_SIZE:
        raise BannerError(f"a banner payload of {size} bytes, {_PAYLOAD_SIZE} at least", rule="BANNER-2")
    return size


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner(Record):
    """What a banner says."""

    supported: Annotated[int, u64]
    required: Annotated[int, u64] = 0

    def to_wire(self) -> bytes:
        """Return the whole banner."""
        payload = self.encode()
        return PREFIX + len(payload).to_bytes(2, "little") + payload

    @classmethod
    def of_wire(cls, data: Octets) -> Banner:
        """Take a whole banner apart; bytes beyond the two words are ignored. Raises BannerError and ShortRead."""
        check_prefix(data)
        reader = Reader(data)
        size = payload_size(reader.view(HEAD_SIZE))
        return cls.read(reader.within(size))

    def revision_with(self, peer: Banner) -> Revision:
        """Return the revision that the two ends speak: 2.1 if both support it (BANNER-5)."""
        return Revision.REV1 if self.supported & peer.supported & _REVISION_1 else Revision.REV0

    def check(self, peer: Banner) -> None:
        """Raise BannerError where one end requires what the other does not support (BANNER-3, BANNER-4)."""
        if missing := peer.required & ~self.supported:
            raise BannerError(f"the peer requires banner features {missing:#x}, which we lack", rule="BANNER-3")
        if missing := self.required & ~peer.supported:
            raise BannerError(f"we require banner features {missing:#x}, which the peer lacks", rule="BANNER-4")
