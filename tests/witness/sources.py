"""How each file of `vectors/` was made, and by what other than us it is checked; a file says it in `source`."""

from __future__ import annotations

from typing import Any, Final

DAEMONS: Final = "bytes that daemons of Ceph 16.2.15 and 18.2.7 sent or took; the generator stops where they differ"
LISTENER: Final = (
    "read by tests/witness/onlooker.py, which shares no code with msgr and reads real daemons the same way"
)


def _independent(name: str, what: str, checked_by: str) -> dict[str, str]:
    return {"name": name, "what": what, "checked_by": checked_by}


INDEPENDENT: Final[dict[str, list[dict[str, str]]]] = {
    "checksum": [_independent("RFC 3720, B.4", "the vectors rfc3720-*", "tests/vectors/test_sources.py")],
    "frame-crc": [_independent("Ceph", f"acks, WAIT, HELLO, a message: {DAEMONS}", "tests/witness/frames.py")],
    "frame-secure": [_independent("Ceph", f"the first encrypted ack: {DAEMONS}", "tests/witness/secure.py")],
    "compressed-segment": [
        _independent("snappy, zlib, zstd, lz4, brotli", "Debian's C libraries", "tests/frame/test_c_libraries.py")
    ],
    "cephx": [
        _independent("RFC 8009, A", "the vectors cipher-rfc8009-*", "tests/vectors/test_sources.py"),
        _independent("Ceph", "those with the flag Captured: Ceph 16.2.15 and 20.2", "tests/witness/cephx.py"),
    ],
    "authorizer": [
        _independent("Ceph", "the one with the flag Captured: an OSD of 16.2.15", "tests/witness/authorizers.py")
    ],
    "rotating": [
        _independent("Ceph", "the one with the flag Captured: a monitor of 16.2.15", "tests/witness/renewals.py")
    ],
    "keyring": [_independent("ceph-authtool", "keyrings, but StockDiffers", "tests/auth/test_keyring.py")],
    "mon": [
        _independent("Ceph", "what monitors of 16.2.15 and 18.2.7 sent", "tests/witness/overheard.py"),
        _independent("monmaptool", "maps of monitors", "tests/mon/test_monmaptool.py"),
    ],
    "overheard": [_independent("Ceph", "daemons of 16.2.15 alone", "tests/vectors/test_onlooker.py")],
    "handshake": [_independent("a second reader", LISTENER, "tests/vectors/test_onlooker.py")],
    "session": [_independent("a second reader", LISTENER, "tests/vectors/test_onlooker.py")],
}
"""The other sources by topic; a topic that is not here has none."""


def source(topic: str, module: str) -> dict[str, Any]:
    """What the file of a topic says of where it comes from; `module` is what makes it."""
    return {"generator": f"tests/witness/{module}.py", "independent": INDEPENDENT.get(topic, [])}
