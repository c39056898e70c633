"""probe and ping at a real monitor."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path

import anyio
import pytest

from msgr import ConnectionLost, CryptoKey, Keyring, KeyType, connect
from tests.lab import Cluster
from tests.lab.process import wait_until

from .run import Msgr


async def answers(cluster: Cluster) -> bool:
    """Tell whether the monitor lets in who may come.

    One that is fresh in its quorum has no global ids to give yet, and drops the connections of those who need one.
    """
    keyring = Keyring.load(cluster.keyring) if cluster.settings.auth == "cephx" else None
    try:
        async with connect(cluster.addresses["mon.a"], name="client.admin", auth=keyring):
            return True
    except ConnectionLost:
        return False


@pytest.fixture(scope="module")
def cephx(ceph_cephx: Cluster) -> Cluster:
    """A monitor with cephx that answers."""
    wait_until("global ids", partial(anyio.run, answers, ceph_cephx), within=20)
    return ceph_cephx


@pytest.fixture(scope="module")
def open_monitor(ceph_none: Cluster) -> Cluster:
    """A monitor without authentication that answers."""
    wait_until("global ids", partial(anyio.run, answers, ceph_none), within=20)
    return ceph_none


@pytest.mark.parametrize("mode", ["secure", "crc"])
@pytest.mark.parametrize("revision", ["2.1", "2.0"])
def test_ping_with_cephx(msgr: Msgr, cephx: Cluster, mode: str, revision: str) -> None:
    address = cephx.addresses["mon.a"]
    done = msgr(
        *("ping", address, "--json", "--keyring", str(cephx.keyring)), *("--mode", mode, "--revision", revision)
    )
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert (found["address"], found["mode"], found["revision"]) == (address, mode, revision)
    assert found["global_id"] > 0
    assert len(found["rtt_us"]) == 5


@pytest.mark.parametrize("revision", ["2.1", "2.0"])
def test_ping_without_authentication(msgr: Msgr, open_monitor: Cluster, revision: str) -> None:
    done = msgr("ping", open_monitor.addresses["mon.a"], "--json", "--revision", revision)
    assert (done.code, done.err) == (0, "")
    assert (done.document["mode"], done.document["revision"]) == ("crc", revision)


def test_probe_with_cephx(msgr: Msgr, cephx: Cluster) -> None:
    found = msgr("probe", cephx.addresses["mon.a"], "--json").document
    assert (found["entity_type"], found["revision"]) == ("mon", "2.1")
    assert (found["auth_methods"], found["modes"]) == (["cephx"], ["secure", "crc"])
    assert found["supported_features"] & 1
    assert found["seen_as"].startswith("v2:127.0.0.1:") or found["seen_as"].startswith("any:127.0.0.1:")


def test_probe_without_authentication(msgr: Msgr, open_monitor: Cluster) -> None:
    found = msgr("probe", open_monitor.addresses["mon.a"], "--json").document
    assert (found["auth_methods"], found["modes"]) == (["none"], ["crc"])


@pytest.mark.parametrize("name", ["client.admin", "client.unknown"])
def test_wrong_key_and_unknown_name(msgr: Msgr, cephx: Cluster, tmp_path: Path, name: str) -> None:
    keyring = Keyring()
    keyring.add(name, CryptoKey.generate(secrets.token_bytes, 1.0, KeyType.AES))
    keyring.save(tmp_path / "keyring")
    address = cephx.addresses["mon.a"]
    done = msgr("ping", address, "--name", name, "--keyring", str(tmp_path / "keyring"), "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")


def test_no_common_mode_and_unknown_method(msgr: Msgr, cephx: Cluster, open_monitor: Cluster) -> None:
    done = msgr("ping", cephx.addresses["mon.a"], "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
    keyring = str(cephx.keyring)
    done = msgr("ping", open_monitor.addresses["mon.a"], "--keyring", keyring, "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
