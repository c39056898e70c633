"""What the stock tools say to our monitor is what they say to a real one, field by field; and so are our answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import anyio.to_thread
import pytest

from msgr import Keyring
from msgr.frame import Mode
from msgr.mon.messages import Front, MessageType, MonGetMap, MonSubscribe, Wish
from msgr.payload import MessageHeader
from tests.lab import Auth, Cluster, Modes, ReleaseName, Tools
from tests.standin import ADMIN, Overheard, Recorder, SentMessage, Settings, StandIn
from tests.standin.fields import Fields, of_client, of_server_handshake
from tests.standin.real import hidden_monitor
from tests.standin.stock import finish, printed, running, tools_of

Kept: TypeAlias = Callable[[Any], object]
Masks: TypeAlias = Mapping[str, tuple[Kept, str]]

EINVAL: Final = 22
NOT_SAID: Final[Fields] = {}


def nothing(value: Any) -> object:
    """Keep nothing of a value but that it is there."""
    return None


MASKED: Final[Masks] = {
    "*.header.ack_seq": (nothing, "how many answers the client had when it wrote: the pace of both ends"),
    "Hello.peer_address.port": (nothing, "each monitor has a port of its own"),
    "ClientIdent.target.port": (nothing, "the same"),
    "ClientIdent.addresses.nonce": (nothing, "a random number of the client process"),
    "ClientIdent.cookie": (bool, "random, or 0 where the session is lossy"),
    "ClientIdent.gid": (lambda gid: gid > 0, "the global id that this monitor gave, or -1"),
    "AuthRequest.global_id": (bool, "the one that this monitor gave, or 0"),
    "AuthSignature.signature": (any, "over all that the monitor said before, with a key that it made; or zeros"),
}
CEPHX: Final[Masks] = {
    "AuthRequestMore.challenge": (nothing, "random"),
    "AuthRequestMore.proof": (nothing, "follows from the challenges of both ends"),
    "AuthRequestMore.old_ticket.sealed": (len, "only the monitor that sealed it can read it"),
}
"""What cannot be the same, what is compared of it all the same, and the reason."""

OF_SERVER: Final[Masks] = {
    "Banner.supported": (nothing, "16.2 knows no compression, so it has one bit less"),
    "Hello.peer_address.port": (nothing, "each client has a port of its own"),
    "AuthDone.global_id": (bool, "each monitor counts for itself"),
    "AuthDone.payload": (len, "the tickets, which are as long as they are there"),
    "AuthSignature.signature": (any, "over all that the client said before, with a key of this monitor; or zeros"),
    "ServerIdent.addresses.port": (nothing, "each monitor has a port of its own"),
    "ServerIdent.global_seq": (nothing, "how many connections the process has had, to itself too"),
    "ServerIdent.supported": (nothing, "each release has its own features"),
    "ServerIdent.required": (nothing, "a monitor requires of clients what its cluster has"),
}
OF_SERVER_CEPHX: Final[Masks] = {"AuthReplyMore.payload": (len, "the challenge, which is random")}
"""The same of what the monitors say in the handshake."""


@pytest.mark.anyio
@pytest.mark.ceph
@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("auth", "modes"), [("cephx", "secure crc"), ("cephx", "crc"), ("none", "crc")], ids=["best", "crc", "none"]
)
async def test_field_by_field(tmp_path: Path, release: ReleaseName, auth: Auth, modes: Modes) -> None:
    """A morning with the stock tools, once at a real monitor and once at ours, which has the same fsid and keys."""
    (tmp_path / "value").write_bytes(bytes(range(256)) * 256)
    masked = MASKED if auth == "none" else {**MASKED, **CEPHX}
    of_server = OF_SERVER if auth == "none" else {**OF_SERVER, **OF_SERVER_CEPHX}
    async with real_monitor(release, auth, modes) as (cluster, recorder):
        ours = twin(cluster, tmp_path)
        await morning(cluster.tools, recorder, tmp_path)
        async with ours:
            await morning(tools_of(ours, release), ours.monitor.recorder, tmp_path)
        real, own = recorder.connections, ours.monitor.recorder.connections
    assert len(real) == len(own) >= 14
    assert all(heard.readable for heard in (*real, *own))
    for take, masks in ((of_client, masked), (of_server_handshake, of_server)):
        said, ours_said = ([take(heard) for heard in connections] for connections in (real, own))
        assert list(differences(said, ours_said, masks)) == []
        names = {pattern(name) for connection in said for fields in connection for name in fields}
        assert masks.keys() <= names, "what is masked, and was never said"


@asynccontextmanager
async def real_monitor(release: ReleaseName, auth: Auth, modes: Modes) -> AsyncIterator[tuple[Cluster, Recorder]]:
    """Run a real monitor behind a recorder, which has heard nothing yet."""
    with ExitStack() as stack:
        hidden = hidden_monitor(release, auth, modes)
        cluster, target = await anyio.to_thread.run_sync(stack.enter_context, hidden)
        keys = Keyring.load(cluster.keyring)
        async with Recorder(keys, address=cluster.addresses["mon.a"], target=target) as recorder:
            # A monitor that is fresh in its quorum drops clients, who come again until they are let in.
            await printed(cluster.tools, "ceph", "mon", "stat")
            recorder.connections.clear()
            yield cluster, recorder


def twin(cluster: Cluster, directory: Path) -> StandIn:
    """Return a stand-in for a real cluster of one monitor, and leave the key of a stranger beside its files."""
    keys, wished = Keyring.load(cluster.keyring), cluster.settings
    modes = tuple(Mode[mode.upper()] for mode in wished.modes.split())
    ours = StandIn(directory, Settings(method=wished.auth, modes=modes, manager=False))
    ours.fsid = UUID(cluster.fsid)
    ours.keys.add(ADMIN, keys.get(ADMIN).key, keys.get(ADMIN).caps)
    stranger = Keyring()
    stranger.add(ADMIN, ours.new_key())
    stranger.save(directory / "stranger")
    return ours


async def morning(tools: Tools, recorder: Recorder, directory: Path) -> None:
    """Use the tools one after the other; at last, one that goes on is cut off, and comes again."""
    await printed(tools, "ceph", "status")
    await printed(tools, "ceph", "config-key", "set", "key", "-i", str(directory / "value"))
    await printed(tools, "ceph", "config-key", "get", "key", "-o", str(directory / "copy"))
    assert (directory / "copy").read_bytes() == (directory / "value").read_bytes()
    assert (await finish(tools, "ceph", "no", "such", "command")).code == EINVAL
    await printed(tools, "ceph", "tell", "mon.a", "version")
    await printed(tools, "ceph", "ping", "mon.a")
    await printed(tools, "rados", "lspools")
    await finish(tools, "ceph", "--keyring", str(directory / "stranger"), "status")
    async with running(tools, "ceph", "-w"):
        await recorder.until(lambda: watches(recorder.connections[-1]))
        cut_off = recorder.connections[-1]
        await recorder.cut()
        await recorder.until(lambda: recorder.connections[-1] is not cut_off and watches(recorder.connections[-1]))


def watches(heard: Overheard) -> bool:
    """Tell whether a client has asked for the cluster log."""
    asked = (MonSubscribe.decode(said.front) for said in heard.messages() if said.type == MessageType.MON_SUBSCRIBE)
    return any(what.startswith("log-") for subscription in asked for what in subscription.what)


def pattern(name: str) -> str:
    """Return the name under which a field is masked: those of all messages' headers have one name."""
    inner = name.partition(".")[2]
    return f"*.{inner}" if inner.startswith("header.") else name


def differences(
    real: Sequence[Sequence[Fields]], own: Sequence[Sequence[Fields]], masked: Masks
) -> Iterator[tuple[int, str, object, object]]:
    """Yield the connection, the field, and its two values, wherever they differ."""

    def kept(fields: Fields, name: str) -> object:
        if name not in fields:
            return "missing"
        return masked[pattern(name)][0](fields[name]) if pattern(name) in masked else fields[name]

    for number, (one, other) in enumerate(zip(real, own, strict=True)):
        for said, also in zip_longest(one, other, fillvalue=NOT_SAID):
            for name in {**said, **also}:
                pair = kept(said, name), kept(also, name)
                if pair[0] != pair[1]:
                    yield number, name, *pair


def test_a_difference_is_seen() -> None:
    """In a value, in something that only one end heard, and in the order."""
    wants, also = MonSubscribe(what={"monmap": Wish(start=2)}), MonSubscribe(what={"monmap": Wish(start=3)})
    assert list(differences([heard(wants)], [heard(wants)], MASKED)) == []
    assert list(differences([heard(wants)], [heard(also)], MASKED)) == [(0, "MonSubscribe.what.monmap.start", 2, 3)]
    assert (0, "MonGetMap", "missing", "MonGetMap") in differences([heard(wants)], [heard(wants, MonGetMap())], {})
    assert list(differences([heard(MonGetMap(), wants)], [heard(wants, MonGetMap())], MASKED))


def heard(*fronts: Front) -> list[Fields]:
    """Return what would have been heard if a client had said this."""
    conversation = Overheard(None)
    for seq, front in enumerate(fronts):
        header = MessageHeader(seq=seq, type=front.TYPE)
        conversation.said.append(("client", SentMessage(header, front.message())))
    return of_client(conversation)
