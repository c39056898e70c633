"""From a file to what was seen in it."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import ConfigError
from .follow import Follower
from .keylog import KeyLog
from .model import Capture
from .packets import Host, Unreadable, open_packet
from .pcap import MAGICS, read_pcap
from .pcapng import MAGIC, read_pcapng
from .recorded import Opened, read_recorded
from .source import Damage, Packet, Readable, Source
from .streams import TcpStreams
from .words import counted

_GZIP: Final = b"\x1f\x8b"


def decode_file(path: Path, keylog: KeyLog | None = None) -> Capture:
    """Decode a pcap or pcapng file, or a recorded conversation, each perhaps compressed by gzip; raises ConfigError.

    A file that is damaged is decoded as far as it can be read; a note then tells where that was.
    """
    try:
        with path.open("rb") as file:
            if file.peek(2)[:2] == _GZIP:
                with gzip.open(file) as unpacked:
                    return decode(unpacked, keylog)
            return decode(file, keylog)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path} {error}") from None


def decode(file: Readable | BinaryIO, keylog: KeyLog | None = None) -> Capture:
    """Decode what a file holds, of the same kinds; raises ConfigError where it is none of them."""
    decoder = _Decoder(keylog or KeyLog())
    source = Source(file)
    try:
        begin = source.upto(4)
    except Damage as damage:
        raise ConfigError(f"is {damage}") from None
    source = Source(file, begin)
    try:
        if begin in MAGICS:
            decoder.packets(read_pcap(source))
        elif begin == MAGIC:
            decoder.packets(read_pcapng(source))
        elif begin[:1] == b"{":
            decoder.recorded(source)
        else:
            raise ConfigError("is neither pcap nor pcapng, nor a recorded conversation")
    except Damage as damage:
        decoder.notes.append(f"the file: {damage}")
    return decoder.finish()


class _Decoder:
    """Leads what a file holds to those who follow its connections."""

    def __init__(self, keylog: KeyLog) -> None:
        self.notes: list[str] = []
        self._keylog = keylog
        self._followers: list[Follower] = []
        self._unreadable: Counter[str] = Counter()
        self._streams = TcpStreams(self._open)

    def _open(self, hosts: tuple[Host, Host]) -> Follower:
        follower = Follower(hosts, self._keylog)
        self._followers.append(follower)
        return follower

    def packets(self, packets: Iterable[Packet]) -> None:
        """Take the packets of a capture."""
        try:
            for packet in packets:
                try:
                    opened = open_packet(packet)
                except Unreadable as why:
                    self._unreadable[str(why)] += 1
                    continue
                if opened is not None:
                    self._streams.take(opened)
        finally:
            self._streams.finish()

    def recorded(self, source: Source) -> None:
        """Take a recorded conversation."""
        following: dict[int, Follower] = {}
        try:
            for step in read_recorded(source):
                if isinstance(step, Opened):
                    following[step.number] = self._open((step.client, step.server))
                    following[step.number].dialled(0)
                elif step.number in following:
                    following[step.number].feed(step.side, step.time, step.data)
        finally:
            for follower in self._followers:
                follower.finish()

    def finish(self) -> Capture:
        """Return what was seen."""
        self.notes += [f"passed over {counted(count, 'packet')}: {why}" for why, count in self._unreadable.items()]
        if unknown := sum(follower.beginning_missing for follower in self._followers):
            what = counted(unknown, "TCP connection")
            self.notes.append(f"passed over {what}: the beginning, which tells whether it is msgr2, is not there")
        seen = [follower.seen() for follower in self._followers if follower.recognised]
        return Capture(connections=tuple(sorted(seen, key=lambda each: each.started)), notes=tuple(self.notes))
