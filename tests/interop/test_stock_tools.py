"""Ceph's own command-line tools as clients of our servers: a monitor, a manager and an OSD made of msgr."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from msgr import Keyring
from msgr.auth import AuthMethod
from msgr.auth.cephx.authorizer_structs import Authorizer
from msgr.auth.cephx.structs import Authenticate, Operation, RequestHead
from msgr.auth.request import Request
from msgr.frame import Mode
from msgr.mon.messages import Auth, AuthReply, MessageType
from msgr.payload import AuthBadMethod, AuthDone, AuthRequest, AuthRequestMore
from msgr.wire import EntityType
from tests.lab import ReleaseName
from tests.standin import Overheard, Settings, StandIn
from tests.standin.commands import Answer, Arguments, Known
from tests.standin.stock import LIMIT, Running, finish, printed, running, tools_of

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

MODES: Final = pytest.mark.parametrize("modes", [(Mode.SECURE,), (Mode.CRC,)], ids=["secure", "crc"])
EACCES: Final = 13
EINVAL: Final = 22
ENOENT: Final = 2
# A stock client that gets the answer to a keepalive very soon believes that it never got one, and reconnects.
PATIENT: Final = ("--mon-client-ping-timeout", "0")


async def asked(cluster: StandIn, release: ReleaseName, *argv: str) -> Any:
    """Run the stock `ceph`, and return its JSON output."""
    return json.loads(await printed(tools_of(cluster, release), "ceph", *argv, "--format", "json"))


@MODES
async def test_everybody_answers(tmp_path: Path, release: ReleaseName, modes: tuple[Mode, ...]) -> None:
    """The monitor, the manager and the OSD each take the client for what its tickets say, in the mode asked for."""
    async with StandIn(tmp_path, Settings(modes=modes)) as cluster:
        assert (await asked(cluster, release, "status"))["fsid"] == str(cluster.fsid)
        assert (await asked(cluster, release, "tell", "mon.a", "version"))["version"]
        assert (await asked(cluster, release, "tell", "mgr", "version"))["version"] == "16.2.15-stand-in"
        assert (await asked(cluster, release, "pg", "stat"))["num_pgs"] == 1
        assert (await asked(cluster, release, "tell", "osd.0", "version"))["version"] == "16.2.15-stand-in"
        assert (await asked(cluster, release, "osd", "lspools"))[0]["poolname"] == "rbd"
        assert await printed(tools_of(cluster, release), "rados", "lspools") == b"rbd\n"
        for daemon in (cluster.monitor, cluster.manager, cluster.osd):
            done = [done for heard in daemon.recorder.connections for done in heard.all(AuthDone, "server")]
            assert {told.mode for told in done} == {modes[0]}
        assert {message.type for message in cluster.osd.journal} == {MessageType.COMMAND}


@MODES
async def test_data_in_and_out(tmp_path: Path, release: ReleaseName, modes: tuple[Mode, ...]) -> None:
    value = secrets.token_bytes(1 << 20)
    (tmp_path / "value").write_bytes(value)
    async with StandIn(tmp_path, Settings(modes=modes)) as cluster:
        tools = tools_of(cluster, release)
        await printed(tools, "ceph", "config-key", "set", "big", "-i", str(tmp_path / "value"))
        assert cluster.monitor.keys.values == {"big": value}
        await printed(tools, "ceph", "config-key", "get", "big", "-o", str(tmp_path / "copy"))
        assert (tmp_path / "copy").read_bytes() == value


async def test_method_none(tmp_path: Path, release: ReleaseName) -> None:
    async with StandIn(tmp_path, Settings(method="none", modes=(Mode.CRC,))) as cluster:
        assert (await asked(cluster, release, "status"))["fsid"] == str(cluster.fsid)
        assert (await asked(cluster, release, "pg", "stat"))["num_pgs"] == 1
        assert (await asked(cluster, release, "tell", "osd.0", "version"))["version"]
        requests = [request for heard in cluster.monitor.recorder.connections for request in heard.all(AuthRequest)]
        assert {request.method for request in requests} == {AuthMethod.NONE}


async def test_ping(tmp_path: Path, release: ReleaseName) -> None:
    async with StandIn(tmp_path) as cluster:
        told = json.loads(await printed(tools_of(cluster, release), "ceph", "ping", "mon.a"))
        assert told["mon_status"]["name"] == "a"


@pytest.mark.parametrize(
    ("words", "code"), [(("no", "such", "command"), EINVAL), (("config-key", "get", "nothing"), ENOENT)]
)
async def test_commands_that_fail(tmp_path: Path, release: ReleaseName, words: tuple[str, ...], code: int) -> None:
    async with StandIn(tmp_path) as cluster:
        assert (await finish(tools_of(cluster, release), "ceph", *words)).code == code


async def test_wrong_key(tmp_path: Path, release: ReleaseName) -> None:
    async with StandIn(tmp_path) as cluster:
        wrong = Keyring()
        wrong.add("client.admin", cluster.new_key())
        wrong.save(cluster.keyring)
        await is_refused(cluster, release)


async def test_unknown_name(tmp_path: Path, release: ReleaseName) -> None:
    """It is given a challenge like everybody, and refused after it."""
    async with StandIn(tmp_path) as cluster:
        other = Keyring()
        other.add("client.nobody", cluster.new_key())
        other.save(cluster.keyring)
        await is_refused(cluster, release, "--name", "client.nobody")


async def test_client_without_rights_at_monitors(tmp_path: Path, release: ReleaseName) -> None:
    async with StandIn(tmp_path) as cluster:
        cluster.keys.add("client.osds", cluster.new_key(), {"osd": "allow *"})
        cluster.keys.save(cluster.keyring)
        await is_refused(cluster, release, "--name", "client.osds")


async def is_refused(cluster: StandIn, release: ReleaseName, *options: str) -> None:
    """Find the stock tool refused with EACCES, after a proof."""
    done = await finish(tools_of(cluster, release), "ceph", *options, "status")
    assert done.code == EACCES, done.errors
    refusals = [
        refusal for heard in cluster.monitor.recorder.connections for refusal in heard.all(AuthBadMethod, "server")
    ]
    assert {refusal.result for refusal in refusals} == {-EACCES}
    assert all(heard.all(AuthRequestMore) for heard in cluster.monitor.recorder.connections)
    assert not cluster.monitor.journal


async def test_no_mode_in_common(tmp_path: Path, release: ReleaseName) -> None:
    """Nothing falls back to crc mode."""
    async with StandIn(tmp_path, Settings(modes=(Mode.SECURE,))) as cluster:
        done = await finish(tools_of(cluster, release), "ceph", "--ms-mon-client-mode", "crc", "status")
        assert done.code == EACCES, done.errors
        assert not cluster.monitor.journal


@asynccontextmanager
async def watching(cluster: StandIn, release: ReleaseName, *options: str) -> AsyncIterator[Running]:
    """Run a stock client that watches the cluster log, from when it does."""
    async with running(tools_of(cluster, release), "ceph", "-w", *PATIENT, *options) as tool:
        await logged(cluster, tool, b"first line")
        yield tool


async def logged(cluster: StandIn, tool: Running, line: bytes) -> None:
    """Have a line logged once somebody watches, and see the stock tool print it."""
    with anyio.fail_after(LIMIT):
        while not await cluster.monitor.log(line.decode()):
            await cluster.monitor.until(lambda: cluster.monitor.watched)
    await tool.says(line)


@MODES
async def test_reclaims_its_id_when_it_is_dropped(
    tmp_path: Path, release: ReleaseName, modes: tuple[Mode, ...]
) -> None:
    """It comes back at once, as the same client, with the ticket that proves it, and wants to know what it did."""
    async with StandIn(tmp_path, Settings(modes=modes)) as cluster, watching(cluster, release) as tool:
        connections = cluster.monitor.recorder.connections
        before = connections[-1]
        assert cluster.drop()
        await logged(cluster, tool, b"second line")
        after = connections[-1]
        assert after is not before
        (first,), (second,) = before.all(AuthDone, "server"), after.all(AuthDone, "server")
        assert second.global_id == first.global_id
        claimed, claims = proof(before)
        assert claimed.global_id == 0
        assert claims.old_ticket.is_empty
        claimed, claims = proof(after)
        assert claimed.global_id == first.global_id
        assert not claims.old_ticket.is_empty


def proof(heard: Overheard) -> tuple[Request, Authenticate]:
    """Return what a client said of itself in a handshake."""
    (request,), (more,) = heard.all(AuthRequest), heard.all(AuthRequestMore)
    return Request.decode(request.payload), Authenticate.decode(more.payload)


async def test_command_whose_connection_is_lost(tmp_path: Path, release: ReleaseName) -> None:
    """The tool asks again, with the same number, and is answered."""
    drops = [1, 2]
    async with StandIn(tmp_path) as cluster:

        def version(arguments: Arguments, data: bytes) -> Answer:
            if drops:
                drops.pop()
                cluster.drop()
            return Answer(output=b'{"version": "at last"}')

        cluster.monitor.commands.add(Known("version", version))
        assert (await asked(cluster, release, "version"))["version"] == "at last"
        commands = [message for message in cluster.monitor.journal if message.type == MessageType.MON_COMMAND]
        tids = [message.tid for message in commands if b'"version"' in message.front]
        assert len(tids) == 3
        assert len(set(tids)) == 1


@pytest.mark.slow
async def test_tickets_are_renewed(tmp_path: Path, release: ReleaseName) -> None:
    """Over the open session; when the secrets of the first tickets are forgotten, the manager still takes the client.

    A tool with a prompt asks for the status of placement groups, again and again.
    """
    settings = Settings(service_ttl=2.0, auth_ttl=8.0)
    async with StandIn(tmp_path, settings) as cluster:
        async with running(tools_of(cluster, release), "ceph", "--mon-client-ping-interval", "1", *PATIENT) as tool:
            await tool.ask("pg stat")
            await tool.says(b"active+clean")
            first = shown(cluster)[0]
            await cluster.monitor.until(lambda: renewed(cluster, Operation.AUTH_SESSION_KEY))
            await cluster.monitor.until(lambda: renewed(cluster, Operation.PRINCIPAL_SESSION_KEY))
            await cluster.monitor.until(
                lambda: not cluster.rotating.find(EntityType.MGR, first.ticket.secret_id, time.time())
            )
            assert cluster.manager.drop()
            await tool.ask("pg stat")
            await tool.says(b"active+clean")
            last = shown(cluster)[-1]
            assert last.ticket.secret_id > first.ticket.secret_id
            assert last.global_id == first.global_id
        (main,) = (heard for heard in cluster.monitor.recorder.connections if list(heard.messages())[2:])
        replies = [
            AuthReply.decode(said.front) for said in main.messages("server") if said.type == MessageType.AUTH_REPLY
        ]
        assert {(reply.result, reply.global_id) for reply in replies} == {(0, first.global_id)}


def shown(cluster: StandIn) -> list[Authorizer]:
    """Return the authorizers that the manager was shown, one for each connection."""
    return [
        Authorizer.decode(heard.all(AuthRequest)[0].payload)
        for heard in cluster.manager.recorder.connections
        if heard.all(AuthRequest)
    ]


def renewed(cluster: StandIn, operation: Operation) -> bool:
    """Tell whether tickets were asked for in this way."""
    asked = (Auth.decode(said.front) for said in cluster.monitor.journal if said.type == MessageType.AUTH)
    return any(RequestHead.decode(request.payload).operation == operation for request in asked)
