"""What a person has to say on the page `spec/interop.md`: around its tables, and where a cell has no mark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Note:
    """Why cells have no mark: those of a table, or of all, whose row and column are about these facts."""

    word: str
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)


IMPOSSIBLE: Final = "cannot be"
UNTESTED: Final = "not tested"

INTRODUCTION: Final = """\
# What was tried with a real Ceph

msgr is run against daemons, tools and programs of Ceph itself: releases 16.2 and 18.2, as Debian has them. The tables
below were made by such a run, not by hand. What was not tried stands here too: in the cells, and
[in a list](#what-was-not-tested) at the end.

A *yes* is given by a connection and not by a test's intentions. At least one connection of the run reached a session
in exactly this combination, the peer then said something over it (a message, or the answer to a keepalive), and the
test in which that happened passed. Mode, revision, method and compression are those that both ends agreed on. The
type of the peer is what its HELLO says, and its release is told by the features in its identity. A connection both
of whose ends were msgr does not count.

Every other cell has a word and the number of a [reason](#why-a-cell-is-empty).

To make the page again:

```text
MSGR_REQUIRE_CEPH=1 MSGR_CEPH_18=DIRECTORY python -m pytest tests/interop
python -m tests.interop.matrix --write
```

`tests/lab/tree.sh DIRECTORY` fetches 18.2. `python -m tests` with the same variables runs the same tests, and fails
when the page is not what it saw.
"""

TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "client": (
        "Our client, their daemons",
        "Commands to the monitor, the manager and an OSD. The monitor is shown a key; it gives the tickets that the\n"
        "others are shown.",
    ),
    "server": (
        "Their tools, our daemons",
        "The stock `ceph` and `rados` of each release at a monitor, a manager and an OSD made of msgr.",
    ),
    "monitor": (
        "Their monitor, and we are another",
        "Sessions that outlive their connections, from either end. With cephx each monitor makes its own tickets,\n"
        "with the key that all monitors have. After a cut, either end may be the one that dials again.",
    ),
    "osd": (
        "Their OSD, and we are another",
        "Sessions that outlive their connections, at the address that OSDs have for each other.",
    ),
    "programs": (
        "Their messenger programs",
        "`ceph_perf_msgr_client` and `ceph_perf_msgr_server` of 18.2, in crc mode and revision 2.1 with method none.",
    ),
    "compression": (
        "Compressed frames",
        "Only 18.2 has them. Its OSDs compress for other OSDs, so that is what we are there; its programs take us for "
        "one.",
    ),
}

NEVER: Final = (
    Note(
        IMPOSSIBLE,
        "Method none agrees on no key, so there is nothing to encrypt with.",
        {"auth": "none", "mode": "secure"},
    ),
    Note(
        UNTESTED,
        "An OSD dials those that stand in its map as up. We join no cluster as an OSD.",
        {"table": "osd", "dialled": False},
    ),
    Note(
        IMPOSSIBLE,
        "Their server keeps no session beyond its connection.",
        {"table": "programs", "dialled": True, "resumed": True},
    ),
    Note(
        UNTESTED,
        "Debian builds Ceph without brotli. Our frames are held against the library itself.",
        {"table": "compression", "compression": "brotli"},
    ),
    Note(
        UNTESTED,
        "What is compressed first is encrypted then, whatever the algorithm: zstd in 2.1 stands for all.",
        {"table": "compression", "mode": "secure"},
    ),
)
"""The first whose facts fit a cell is its reason."""

NOT_TESTED: Final = """\
## What was not tested

* Releases other than these two, and keys of type aes256k, which Ceph 20 has: there was none to try. 16.2 and 18.2 know
  no type but aes, so every key and ticket behind these tables is of that.
* Metadata servers, and clients of the file system: neither Ceph's own nor that of the Linux kernel.
* Gateways, mirrors, and everything else that is a client of a cluster and not one of its stock tools.
* Managers and OSDs that dial us. They would have to find us in the maps of their cluster.
* Lossy sessions with a peer that is no client, such as the heartbeats of OSDs, in any combination but those that the
  table of compressed frames shows.
* IPv6, and networks: all of it goes over the IPv4 loopback of one machine.
* Kerberos (method gss).
* Hosts that are big-endian, at either end.
* Transports other than TCP.
"""
