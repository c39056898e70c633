"""Where monitors are, as ceph.conf spells it (CONF-3, CONF-4).

==========================================  ====================================================================
written                                     means
==========================================  ====================================================================
`[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0]`   one monitor, whose msgr2 address is taken
`v2:10.0.0.1:3300`, `v2:10.0.0.1`           that address; port 3300 where none is said
`10.0.0.1`, `mon.example.org`, `::1`        msgr2 at port 3300
`10.0.0.1:3301`, `[::1]:3301`               msgr2 at that port, but port 6789 means msgr1
`v1:10.0.0.1`                               msgr1, which we don't speak: passed over
==========================================  ====================================================================

Entries stand apart by commas, semicolons or blanks. In the older form `mon addr` of sections [mon.NAME] an address
without a type is msgr1's.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import ConfigError
from ..wire import Endpoint

PORT: Final = 3300
LEGACY_PORT: Final = 6789

_ENTRY: Final = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*+\])*+\](?=[\s,;]|\Z)|[^\s,;]+")
_HOST: Final = re.compile(r"[\w.-]+|\[[0-9a-f:.]+(?:%[\w.-]+)?\]", re.IGNORECASE)
_TYPED: Final = re.compile(r"(v1|v2|any):(.*)", re.DOTALL)


def seeds(written: str, *, untyped: str = "any") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the addresses of msgr2, written `v2:HOST:PORT[/NONCE]` and each once, and those passed over.

    `untyped` is the type (v1, v2, any) of an address without one. Raises ConfigError for what is no address.
    """
    ours: dict[str, None] = {}
    passed: list[str] = []
    for entry in _ENTRY.findall(written):
        # What is whole in brackets is a monitor with its addresses, or one address of IPv6.
        for address in entry[1:-1].split(",") if entry.startswith("[") and entry.endswith("]") else (entry,):
            endpoint = _endpoint(address, untyped)
            if endpoint is None:
                passed.append(address)
            else:
                ours[str(endpoint)] = None
    return tuple(ours), tuple(passed)


def _endpoint(written: str, untyped: str) -> Endpoint | None:
    """Return one address; None if it is for msgr1."""
    typed = _TYPED.fullmatch(written)
    kind, rest = typed.groups() if typed else (untyped, written)
    place, slash, nonce = rest.partition("/")
    host, colon, port = (place, "", "") if _is_bare(place) else place.rpartition(":")
    if kind == "v1" or (kind == "any" and port == str(LEGACY_PORT)):
        port = port or str(LEGACY_PORT)
    elif not colon or not port.strip("0"):
        port = str(PORT)
    if not host.startswith("[") and ":" in host:
        host = f"[{host}]"
    try:
        if not _HOST.fullmatch(host):
            raise ConfigError("no host")
        endpoint = Endpoint.parse(f"v2:{host}:{port}{slash}{nonce}")
    except ConfigError:
        raise ConfigError(f"{written!r} is no address: [v2:HOST:PORT,v1:HOST:PORT] or HOST[:PORT] [CONF-3]") from None
    return None if kind == "v1" or (kind == "any" and port == str(LEGACY_PORT)) else endpoint


def _is_bare(place: str) -> bool:
    """Tell whether there is no port in `place`: a name, an address of IPv4, or one of IPv6 in brackets or not."""
    return place.endswith("]") or (place.count(":") != 1 and not place.startswith("["))
