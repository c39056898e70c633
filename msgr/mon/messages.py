"""The messages between a monitor client, monitors, managers and OSDs: their numbers and their front segments.

They are ordinary messages (MESSAGE-1) whose `type` says how the front segment is laid out; what goes in and
comes out of commands is in the data segment. Those to monitors begin with a `Paxos` head, which clients leave blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Annotated, ClassVar, Final

from ..session import Message
from ..wire import (
    EntityAddr,
    EntityName,
    EntityType,
    Map,
    Nested,
    Octets,
    Raw,
    Record,
    Timestamp,
    Vec,
    Versioned,
    address_vector,
    blob,
    i16,
    i32,
    i64,
    named,
    rest,
    text,
    u8,
    u32,
    u64,
)

NO_FSID: Final = bytes(16)


@unique
class MessageType(IntEnum):
    """The numbers of the messages that a monitor client meets."""

    PING = 2
    MON_MAP = 4
    MON_GET_MAP = 5
    MON_SUBSCRIBE = 15
    MON_SUBSCRIBE_ACK = 16
    AUTH = 17
    AUTH_REPLY = 18
    MON_GET_VERSION = 19
    MON_GET_VERSION_REPLY = 20
    OSD_MAP = 41
    MON_COMMAND = 50
    MON_COMMAND_ACK = 51
    LOG = 52
    CONFIG = 62
    COMMAND = 97
    COMMAND_REPLY = 98
    MGR_MAP = 0x704
    MGR_COMMAND = 0x709
    MGR_COMMAND_REPLY = 0x70A


class Front(Record):
    """The base of front segments: each knows the type and versions of its message."""

    __slots__ = ()

    TYPE: ClassVar[MessageType]
    VERSION: ClassVar[int] = 1
    COMPAT: ClassVar[int] = 1

    def message(self, *, tid: int = 0, data: Octets = b"") -> Message:
        """Return the message with this front segment."""
        return Message(
            type=self.TYPE,
            front=self.encode(),
            data=data,
            tid=tid,
            version=self.VERSION,
            compat_version=self.COMPAT,
        )


class Request(Front):
    """The base of what is answered by one message, which has the same tid, or none where it is not NUMBERED."""

    __slots__ = ()

    REPLY: ClassVar[MessageType]
    NUMBERED: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Paxos(Front):
    """The head of what goes through a monitor's quorum; only monitors fill it in (the log's version is there)."""

    version: Annotated[int, u64] = 0
    mon: Annotated[int, i16] = -1
    mon_tid: Annotated[int, u64] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonGetMap(Front):
    """Client: send me the monitor map."""

    TYPE = MessageType.MON_GET_MAP


@dataclass(frozen=True, slots=True, kw_only=True)
class MonMapMessage(Front):
    """Monitor: the monitor map, encoded."""

    TYPE = MessageType.MON_MAP

    monmap: Annotated[bytes, blob] = field(repr=False)


ONE_TIME: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Record):
    """From which version on something is wanted; 0 is the present one. `flags` may be ONE_TIME."""

    start: Annotated[int, u64] = 0
    flags: Annotated[int, u8] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MonSubscribe(Front):
    """Client: tell me of changes to these, from now on; it adds to what was asked for before."""

    TYPE = MessageType.MON_SUBSCRIBE
    VERSION = 3

    what: Annotated[Mapping[str, Wish], Map(text, Nested(Wish))]
    hostname: Annotated[str, text] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth(Paxos, Request):
    """Client: a request for tickets, over a session that is there."""

    TYPE = MessageType.AUTH
    REPLY = MessageType.AUTH_REPLY
    NUMBERED = False

    protocol: Annotated[int, u32]
    payload: Annotated[bytes, blob] = field(repr=False)
    monmap_epoch: Annotated[int, u32] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthReply(Front):
    """Monitor: the answer, without a tid."""

    TYPE = MessageType.AUTH_REPLY

    protocol: Annotated[int, u32]
    result: Annotated[int, i32]
    global_id: Annotated[int, u64]
    payload: Annotated[bytes, blob] = field(repr=False)
    text: Annotated[str, text] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonGetVersion(Request):
    """Client: which versions of this map are there?"""

    TYPE = MessageType.MON_GET_VERSION
    REPLY = MessageType.MON_GET_VERSION_REPLY

    handle: Annotated[int, u64]
    what: Annotated[str, text]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonGetVersionReply(Front):
    """Monitor: from the oldest to the newest."""

    TYPE = MessageType.MON_GET_VERSION_REPLY
    VERSION = 2
    COMPAT = 2

    handle: Annotated[int, u64]
    newest: Annotated[int, u64]
    oldest: Annotated[int, u64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OsdMaps(Front):
    """Monitor: versions of the OSD map, encoded; which are whole, and which tell only what changed."""

    TYPE = MessageType.OSD_MAP
    VERSION = 4
    COMPAT = 3

    fsid: Annotated[bytes, Raw(16)]
    incremental: Annotated[Mapping[int, bytes], Map(u32, blob)] = field(repr=False)
    full: Annotated[Mapping[int, bytes], Map(u32, blob)] = field(repr=False)
    oldest: Annotated[int, u32]
    newest: Annotated[int, u32]
    removed_snaps: Annotated[bytes, rest] = field(default=bytes(4), repr=False)
    """Snapshots removed in a gap before the first map, by pool, encoded: none, as a rule. Version 3 ends before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonCommand(Paxos, Request):
    """Client: a command, one string of JSON; its input is in the data segment."""

    TYPE = MessageType.MON_COMMAND
    REPLY = MessageType.MON_COMMAND_ACK

    fsid: Annotated[bytes, Raw(16)]
    command: Annotated[tuple[str, ...], Vec(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonCommandAck(Paxos):
    """Monitor: how the command ended; its output is in the data segment."""

    TYPE = MessageType.MON_COMMAND_ACK

    code: Annotated[int, i32]
    status: Annotated[str, text]
    command: Annotated[tuple[str, ...], Vec(text)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Request):
    """Client: a command to one daemon itself."""

    TYPE = MessageType.COMMAND
    REPLY = MessageType.COMMAND_REPLY

    fsid: Annotated[bytes, Raw(16)] = NO_FSID
    command: Annotated[tuple[str, ...], Vec(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply(Front):
    """Daemon: how the command ended; its output is in the data segment."""

    TYPE = MessageType.COMMAND_REPLY

    code: Annotated[int, i32]
    status: Annotated[str, text]


@dataclass(frozen=True, slots=True, kw_only=True)
class MgrCommand(Command):
    """Client: a command that the manager's modules, or its knowledge of placement groups, answer."""

    TYPE = MessageType.MGR_COMMAND
    REPLY = MessageType.MGR_COMMAND_REPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class MgrCommandReply(CommandReply):
    """Manager: how that ended."""

    TYPE = MessageType.MGR_COMMAND_REPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Front):
    """Monitor: the settings that the cluster has for this client."""

    TYPE = MessageType.CONFIG

    settings: Annotated[Mapping[str, str], Map(text, text)]


@unique
class Level(IntEnum):
    """How grave an entry of the cluster log is."""

    DEBUG = 0
    INFO = 1
    SECURITY = 2
    WARNING = 3
    ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityInstance(Record):
    """Who a running daemon or client is, by number."""

    type: Annotated[int, named("B", EntityType)]
    number: Annotated[int, i64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry(Versioned):
    """One line of the cluster log."""

    VERSION = 5
    COMPAT = 5
    OLDEST = 5

    name: Annotated[EntityName, Nested(EntityName)]
    instance: Annotated[EntityInstance, Nested(EntityInstance)]
    addresses: Annotated[tuple[EntityAddr, ...], address_vector]
    stamp: Annotated[Timestamp, Nested(Timestamp)]
    seq: Annotated[int, u64]
    level: Annotated[int, named("H", Level)]
    text: Annotated[str, text]
    channel: Annotated[str, text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Paxos):
    """Monitor: lines of the cluster log; `version` is that of the log with the last of them."""

    TYPE = MessageType.LOG

    fsid: Annotated[bytes, Raw(16)]
    entries: Annotated[tuple[LogEntry, ...], Vec(Nested(LogEntry))]
