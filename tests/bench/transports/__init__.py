"""Whom we measure: ourselves, and what else a user of Python could take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from ..links import BlockingTransport, Transport


class Loop(StrEnum):
    """What a program runs on."""

    ASYNCIO = "asyncio"
    UVLOOP = "uvloop"
    TRIO = "trio"
    NONE = "blocking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A transport: what it is called, and what it takes."""

    name: str
    title: str
    loop: Loop
    module: str
    function: str
    """What in the module makes it."""
    needs: tuple[str, ...] = ()
    """The packages that must be installed."""
    secure: bool = True
    """Whether it encrypts."""
    handshakes: bool = False
    """Whether it also takes part where connections are counted: both ends prove who they are."""
    curves: bool = True
    """Whether it also takes part where the size of messages, or how many wait, is varied."""

    @property
    def ours(self) -> bool:
        """Whether it is msgr."""
        return self.module == "own"

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that it needs and that are not installed."""
        return tuple(name for name in self.needs if find_spec(name) is None)

    def load(self) -> Transport | BlockingTransport:
        """Return the transport; raises ImportError where its package is missing."""
        made: Transport | BlockingTransport = getattr(import_module(f".{self.module}", __package__), self.function)()
        return made


def _own(mode: str, loop: Loop) -> Entry:
    return Entry(
        name=f"msgr-{mode}-{loop}" if loop is not Loop.ASYNCIO else f"msgr-{mode}",
        title=f"msgr, {mode} mode" + (f", {loop}" if loop is not Loop.ASYNCIO else ""),
        loop=loop,
        module="own",
        function=mode,
        needs=() if loop is Loop.ASYNCIO else (str(loop),),
        secure=mode == "secure",
        handshakes=mode == "secure",
        curves=loop is Loop.ASYNCIO,
    )


_ENTRIES: Final = (
    *(_own(mode, loop) for mode in ("secure", "crc") for loop in (Loop.ASYNCIO, Loop.UVLOOP, Loop.TRIO)),
    Entry(
        name="pyzmq-curve",
        title="pyzmq CURVE, blocking",
        loop=Loop.NONE,
        module="zeromq",
        function="blocking",
        needs=("zmq",),
    ),
    Entry(
        name="pyzmq-curve-asyncio",
        title="pyzmq CURVE, asyncio",
        loop=Loop.ASYNCIO,
        module="zeromq",
        function="awaited",
        needs=("zmq",),
    ),
    Entry(
        name="grpc-tls",
        title="grpc.aio, TLS",
        loop=Loop.ASYNCIO,
        module="grpc_aio",
        function="awaited",
        needs=("grpc",),
    ),
    Entry(
        name="asyncio-tls",
        title="asyncio streams, TLS",
        loop=Loop.ASYNCIO,
        module="streams",
        function="one_by_one",
        handshakes=True,
    ),
    Entry(
        name="asyncio-tls-joined",
        title="asyncio TLS, writes joined",
        loop=Loop.ASYNCIO,
        module="streams",
        function="joined",
        curves=False,
    ),
    Entry(
        name="uvloop-tls",
        title="uvloop streams, TLS",
        loop=Loop.UVLOOP,
        module="streams",
        function="one_by_one",
        needs=("uvloop",),
        handshakes=True,
    ),
    Entry(
        name="websockets-tls",
        title="websockets, TLS",
        loop=Loop.ASYNCIO,
        module="websocket",
        function="awaited",
        needs=("websockets",),
    ),
    Entry(
        name="sockets",
        title="plain blocking sockets",
        loop=Loop.NONE,
        module="sockets",
        function="blocking",
        secure=False,
    ),
)

ENTRIES: Final[Mapping[str, Entry]] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""All of them by name, in the order in which they are shown."""
