"""Real monitors that are killed while their clients are at work."""

from __future__ import annotations

from contextlib import suppress

import anyio
import anyio.to_thread
import pytest

from msgr.errors import ConnectFailed, OutcomeUnknown
from msgr.mon import Cluster as Client
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory

from .clusters import client, json_of, told, until

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

AT_WORK = 8
"""How many tasks ask at the same time."""
LONG = 60.0


class Workers:
    """Tasks that write numbers under keys of their own, without a pause, and note what came of each."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.written: set[str] = set()
        self.unknown: set[str] = set()
        self.over = False

    async def run(self, task: int) -> None:
        """Write until it is over."""
        number = 0
        while not self.over:
            key = f"work/{task}/{number}"
            try:
                (await self.client.command({"prefix": "config-key set", "key": key}, key.encode())).checked()
                self.written.add(key)
            except OutcomeUnknown:
                self.unknown.add(key)
            number += 1

    async def wrote(self, more: int) -> None:
        """Wait until so many more are written."""
        goal = len(self.written) + more
        await until(lambda: len(self.written) >= goal)


async def test_monitor_that_is_killed_and_restarted(ceph_cluster: ClusterFactory) -> None:
    """Commands are answered, or end as unknown; what was answered was done; the client keeps its global id."""
    cluster: Cluster = await anyio.to_thread.run_sync(ceph_cluster)
    async with client(cluster, within=LONG) as admin:
        workers, number = Workers(admin), admin.global_id
        async with anyio.create_task_group() as tasks:
            for task in range(AT_WORK):
                tasks.start_soon(workers.run, task)
            for _ in range(2):
                await workers.wrote(20)
                await anyio.to_thread.run_sync(cluster.kill, "mon.a")
                await until(lambda: not admin.connected)
                await anyio.to_thread.run_sync(cluster.restart, "mon.a")
                await workers.wrote(20)
            workers.over = True
        assert admin.global_id == number
        # Each task has one command under way, so no more can be unknown after a kill.
        assert len(workers.unknown) <= 2 * AT_WORK
        stored = set(await json_of(admin, "config-key ls"))
        mine = {key for key in stored if key.startswith("work/")}
        assert workers.written <= mine <= workers.written | workers.unknown


async def test_log_goes_on_over_a_restart(ceph_cluster: ClusterFactory) -> None:
    """None is lost, and none comes twice."""
    cluster: Cluster = await anyio.to_thread.run_sync(ceph_cluster)
    async with client(cluster, within=LONG) as admin:
        said, unknown = [], set()

        async def speak() -> None:
            for number in range(40):
                text = f"line {number}."
                try:
                    (await admin.command({"prefix": "log", "logtext": [text]})).checked()
                    said.append(text)
                except OutcomeUnknown:
                    unknown.add(text)

        async def restart() -> None:
            await until(lambda: len(said) >= 10)
            await anyio.to_thread.run_sync(cluster.restart, "mon.a")

        with admin.log("info") as lines:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(speak)
                tasks.start_soon(restart)
            await admin.command({"prefix": "log", "logtext": ["the last"]}, repeat=True)
            heard: list[str] = []
            async for entry in lines:
                heard += [entry.text] if entry.text.startswith("line ") else []
                if entry.text == "the last":
                    break
        assert [text for text in heard if text not in unknown] == said
        assert len(set(heard)) == len(heard)
        assert set(heard) <= {*said, *unknown}


async def test_one_of_three_monitors_dies(ceph_cluster: ClusterFactory) -> None:
    """Commands that may be repeated never fail, whichever of the monitors it is; nor does the log end."""
    cluster: Cluster = await anyio.to_thread.run_sync(lambda: ceph_cluster(monitors=3, managers=1, osds=1))
    async with client(cluster, within=2 * LONG) as admin:
        over, answers = False, {"status": 0, "mgr": 0, "osd.0": 0}

        async def ask() -> None:
            while not over:
                result = await admin.command({"prefix": "status", "format": "json"}, repeat=True)
                assert result.checked().json()["fsid"] == cluster.fsid
                answers["status"] += 1

        async def tell(daemon: str) -> None:
            while not over:
                result = await admin.tell(daemon, "version", repeat=True)
                assert result.checked().output
                answers[daemon] += 1

        async def more(count: int) -> None:
            goals = {name: done + count for name, done in answers.items()}
            await until(lambda: all(answers[name] >= goal for name, goal in goals.items()))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(ask)
            tasks.start_soon(tell, "mgr")
            tasks.start_soon(tell, "osd.0")
            await more(5)
            assert len(admin.monmap.addresses) == 3
            for victim in ("mon.a", "mon.b", "mon.c"):  # one of them is ours, and one the leader
                await anyio.to_thread.run_sync(cluster.kill, victim)
                await more(5)
                await anyio.to_thread.run_sync(cluster.restart, victim)
                await more(5)
            over = True


async def test_managers_and_osds_that_are_killed(ceph_cluster: ClusterFactory) -> None:
    """What was sent to them ends as unknown, and the next finds them again where they are then."""
    cluster: Cluster = await anyio.to_thread.run_sync(lambda: ceph_cluster(managers=1, osds=1))
    async with client(cluster, within=LONG) as admin:
        for daemon, told_as in (("mgr.x", "mgr"), ("osd.0", "osd.0")):
            before = cluster.addresses[daemon]
            await told(admin, told_as, "version")
            await anyio.to_thread.run_sync(cluster.kill, daemon)
            with suppress(OutcomeUnknown), pytest.raises(ConnectFailed):
                await admin.tell(told_as, "version")
            await anyio.to_thread.run_sync(cluster.restart, daemon)
            assert cluster.addresses[daemon] != before
            await told(admin, told_as, "version")
