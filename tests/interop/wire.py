"""Our end of connections with a real daemon, moved by hand: nothing is read or written but by a test's own step."""

from __future__ import annotations

import secrets
import socket
import time
from collections import deque
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self, TypeVar

from msgr.auth import GlobalIds, NoneClient, NoneServer
from msgr.core import ClientConfig, Connection, Event, ServerConfig
from msgr.core.states import Ended, Ready
from msgr.errors import ConnectionLost
from msgr.frame import Tag
from msgr.session import Message, PeerSession, Policies, Policy, SessionTable
from msgr.wire import MSG_ADDR2, SUPPORTED, EntityAddr, EntityName

from .tap import WITNESS, Said, Tap, tag_of

LIMIT: Final = 20.0
"""How long a daemon may take for anything, in seconds; its own longest pause is the 15 after WAIT."""

T = TypeVar("T", bound=Said)
E = TypeVar("E", bound=Event)


class Wire:
    """One TCP connection and our sans-IO connection over it."""

    def __init__(self, connection: Connection, stream: socket.socket) -> None:
        self.connection = connection
        self.seen: list[Said] = []
        """All that the daemon said."""
        self.sent: list[Said] = []
        """All that we said."""
        self.events: list[Event] = []
        self._stream = stream
        self._taps = {"seen": Tap(), "sent": Tap()}
        self._unread: deque[Said] = deque()

    @property
    def ready(self) -> bool:
        """Whether there is a session."""
        return isinstance(self.connection.state, Ready)

    def write(self) -> None:
        """Write all that our connection has to say."""
        while pieces := self.connection.data_to_send():
            self.write_raw(b"".join(pieces))

    def write_raw(self, data: bytes) -> None:
        """Write bytes that our connection knows nothing of."""
        for said in self._taps["sent"].feed(data):
            self.sent.append(said)
            WITNESS.note(said, "sent")
        self._stream.sendall(data)

    def read(self, deadline: float) -> bool:
        """Read once, and tell whether anything came; raises TimeoutError."""
        self._stream.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._stream.recv(1 << 16)
        except ConnectionError:
            data = b""
        for said in self._taps["seen"].feed(data):
            self.seen.append(said)
            self._unread.append(said)
            WITNESS.note(said, "seen")
        if data:
            self.connection.receive_data(data, now=time.monotonic())
        else:
            self.connection.receive_eof()
        while (event := self.connection.next_event()) is not None:
            self.events.append(event)
        return bool(data)

    def step(self) -> None:
        """Write what there is, and read once; raises TimeoutError, and ConnectionLost at the end of the stream."""
        self.write()
        if not self.read(time.monotonic() + LIMIT):
            raise ConnectionLost(f"the daemon closed; it had said {self.story()}, we {self.story(ours=True)}")

    def expect(self, kind: type[T], *, within: float = LIMIT) -> T:
        """Go on until the daemon says this, and return it; what it said before is passed over.

        Our answer is not written yet then. Raises TimeoutError, and ConnectionLost at the end of the stream.
        """
        deadline = time.monotonic() + within
        while True:
            while self._unread:
                said = self._unread.popleft()
                if isinstance(said, kind):
                    return said
            self.write()
            if not self.read(deadline):
                raise ConnectionLost(f"the daemon closed; it had said {self.story()}, we {self.story(ours=True)}")

    def drop_output(self) -> list[Message]:
        """Lose what our connection has to say, and return the messages in it."""
        pieces = self.connection.data_to_send()
        return [said for said in self._taps["sent"].feed(b"".join(pieces)) if isinstance(said, Message)]

    def drop_input(self, type: int, count: int) -> list[Message]:
        """Lose what the daemon says, until so many messages of this type are among it; returns all messages."""
        deadline = time.monotonic() + LIMIT
        lost: list[Message] = []
        while sum(message.type == type for message in lost) < count:
            self._stream.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._stream.recv(1 << 16)
            if not data:
                raise ConnectionLost(f"the daemon closed after {len(lost)} messages")
            lost += [said for said in self._taps["seen"].feed(data) if isinstance(said, Message)]
        return lost

    def until_closed(self, *, within: float = LIMIT) -> None:
        """Go on until the daemon closes the connection."""
        deadline = time.monotonic() + within
        while self.read(deadline):
            pass

    def event(self, kind: type[E]) -> E | None:
        """Return the last event of this kind that there was."""
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    def all_seen(self, kind: type[T]) -> list[T]:
        """Return everything of this kind that the daemon said."""
        return [said for said in self.seen if isinstance(said, kind)]

    def all_sent(self, kind: type[T]) -> list[T]:
        """Return everything of this kind that we said."""
        return [said for said in self.sent if isinstance(said, kind)]

    def story(self, *, ours: bool = False) -> list[str]:
        """Return the names of the frames after the signature, which is where sessions begin."""
        names = [tag_of(said).name for said in (self.sent if ours else self.seen)]
        return names[names.index(Tag.AUTH_SIGNATURE.name) + 1 :] if Tag.AUTH_SIGNATURE.name in names else names

    def cut(self) -> None:
        """Break the connection at our end; what was not written, and what was not read, is lost."""
        self._stream.close()
        if not isinstance(self.connection.state, Ended):
            self.connection.lose(ConnectionLost("cut"))

    def spoil(self) -> None:
        """Write a frame with a wrong checksum, and wait until the daemon breaks the connection; lose its last words."""
        self._stream.sendall(bytes([Tag.ACK, 1]) + bytes(30))
        self._stream.settimeout(LIMIT)
        with suppress(ConnectionError):
            while self._stream.recv(1 << 16):
                pass
        self.cut()


class Node:
    """Our end as a whole: a name, an address where it listens, and the table of its sessions."""

    def __init__(self, name: str, address: EntityAddr, *, policy: Policy | None = None, listens: bool = True) -> None:
        self.name = EntityName.parse(name)
        self.address = address
        self.table = SessionTable()
        self.policy = policy or Policy.lossless_peer_reuse()
        self.listens = listens
        self.supported: int = SUPPORTED
        self.required: int = MSG_ADDR2
        self._stack = ExitStack()
        self._listening: socket.socket | None = None

    def __enter__(self) -> Self:
        if self.listens:
            self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def listen(self) -> None:
        """Be there for the daemon to dial."""
        listening = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(self.address.host), self.address.port))
        listening.listen(64)
        self._listening = listening

    def session(self, target: EntityAddr) -> PeerSession:
        """Return the session with the daemon at `target`: the one that is there, or a new one."""
        session = self.table.find((target,))
        if session is None:
            session = PeerSession(self.policy, (target,))
            self.table.register(session)
        return session

    def dial(self, target: EntityAddr, session: PeerSession | None = None) -> Wire:
        """Dial the daemon, for its session or another one; nothing is written yet."""
        stream = self._own(socket.create_connection((str(target.host), target.port), timeout=LIMIT))
        config = ClientConfig(
            name=self.name,
            target=target,
            addresses=(self.address,),
            methods=(NoneClient(self.name, service=True),),
            supported=self.supported,
            required=self.required,
        )
        session = session or self.session(target)
        if session.server_cookie:
            session.connect_seq += 1
        connection = Connection(config, dice=secrets.token_bytes, sessions=self.table, session=session)
        return self._begin(connection, stream)

    def accept(self, kind: type[Said]) -> Wire:
        """Take the daemon's connections until it says this on one of them; our answer is not written yet."""
        assert self._listening is not None
        deadline = time.monotonic() + LIMIT
        while True:
            self._listening.settimeout(max(deadline - time.monotonic(), 0.001))
            stream, _ = self._listening.accept()
            config = ServerConfig(
                name=self.name,
                addresses=(self.address,),
                methods=(NoneServer(GlobalIds()),),
                policies=Policies(self.policy),
                supported=self.supported,
                required=self.required,
            )
            wire = self._begin(Connection(config, dice=secrets.token_bytes, sessions=self.table), self._own(stream))
            try:
                wire.expect(kind)
            except ConnectionLost:  # one that it gave up while it waited to be accepted
                continue
            return wire

    def _begin(self, connection: Connection, stream: socket.socket) -> Wire:
        connection.start(now=time.monotonic(), wall=time.time())
        return Wire(connection, stream)

    def _own(self, stream: socket.socket) -> socket.socket:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._stack.enter_context(stream)
