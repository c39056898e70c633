"""The conformance checker against the stock `ceph` tool: every difference is written down."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
import anyio.abc
import anyio.to_thread
import pytest

from msgr import CryptoKey, Keyring
from msgr.auth import KeyType
from msgr.conformance import Role, Settings, Verdict, all_cases, deviations_of, judge_client
from msgr.net.tasks import quiet_tasks
from tests.lab import Auth, ReleaseName, Tools, find_release

pytestmark = [pytest.mark.anyio, pytest.mark.ceph]

LIMIT: Final = 110.0
"""Seconds that a whole run may take."""
ABORTED: Final = -6
CASES: Final = all_cases(Role.CLIENT)


def configure(path: Path, address: str, auth: Auth, keyring: Path) -> None:
    """Write a ceph.conf for a cluster that is nothing but the checker, at which clients knock often."""
    method = "\n".join(f"auth {who} required = {auth}" for who in ("cluster", "service", "client"))
    path.write_text(
        f"[global]\nfsid = {uuid4()}\nmon host = [{address}]\n{method}\nkeyring = {keyring}\n"
        "ms initial backoff = 0.02\nms max backoff = 0.05\nlog to file = false\n",
        "utf-8",
    )


async def knock(tools: Tools, codes: list[int]) -> None:
    """Run `ceph -s`, and again when it gives up, until it is cancelled."""
    while True:
        command = tools.command("ceph", "--connect-timeout", "60", "-s")
        async with await anyio.open_process(
            command, env=tools.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                codes.append(await process.wait())
            except BaseException:
                process.kill()
                raise


@pytest.mark.parametrize("auth", ["cephx", "none"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_tool_differs_in_what_is_known(
    release: ReleaseName, auth: Auth, tmp_path: Path, anyio_backend: str
) -> None:
    ring = Keyring()
    ring.add("client.admin", CryptoKey.generate(secrets.token_bytes, 1.0, KeyType.AES), {"mon": "allow *"})
    ring.save(tmp_path / "keyring")
    codes: list[int] = []
    with anyio.fail_after(LIMIT):
        async with quiet_tasks() as tasks:

            def listens(address: str) -> None:
                configure(tmp_path / "ceph.conf", address.removesuffix("/0"), auth, tmp_path / "keyring")
                tasks.start_soon(knock, Tools(find_release(release), tmp_path / "ceph.conf"), codes)

            found = await judge_client(
                "v2:127.0.0.1:0",
                CASES,
                name="mon.a",
                keyring=ring if auth == "cephx" else None,
                settings=Settings(timeout=1.5, wait=10.0),
                tell=lambda result: None,
                listens=listens,
            )
            tasks.cancel_scope.cancel()
    found = deviations_of(f"ceph-{release.partition('.')[0]}").apply(found)
    unknown = {
        result.case.id: result.seen
        for result in found.results
        if result.verdict not in (Verdict.PASS, Verdict.SKIP) and result.excused is None
    }
    assert (unknown, found.stale) == ({}, [])
    assert found.counts[Verdict.PASS] > 110
    assert ABORTED not in codes, "no case stops the library that daemons use too"
