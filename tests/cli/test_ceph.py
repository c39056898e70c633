"""probe and ping at a real monitor."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from msgr import CryptoKey, Keyring, KeyType
from tests.lab import Cluster

from .run import Msgr


@pytest.mark.parametrize("mode", ["secure", "crc"])
@pytest.mark.parametrize("revision", ["2.1", "2.0"])
def test_ping_with_cephx(msgr: Msgr, ceph_cephx: Cluster, mode: str, revision: str) -> None:
    address = ceph_cephx.addresses["mon.a"]
    done = msgr(
        *("ping", address, "--json", "--keyring", str(ceph_cephx.keyring)), *("--mode", mode, "--revision", revision)
    )
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert (found["address"], found["mode"], found["revision"]) == (address, mode, revision)
    assert found["global_id"] > 0
    assert len(found["rtt_us"]) == 5


@pytest.mark.parametrize("revision", ["2.1", "2.0"])
def test_ping_without_authentication(msgr: Msgr, ceph_none: Cluster, revision: str) -> None:
    done = msgr("ping", ceph_none.addresses["mon.a"], "--json", "--revision", revision)
    assert (done.code, done.err) == (0, "")
    assert (done.document["mode"], done.document["revision"]) == ("crc", revision)


def test_probe_with_cephx(msgr: Msgr, ceph_cephx: Cluster) -> None:
    found = msgr("probe", ceph_cephx.addresses["mon.a"], "--json").document
    assert (found["entity_type"], found["revision"]) == ("mon", "2.1")
    assert (found["auth_methods"], found["modes"]) == (["cephx"], ["secure", "crc"])
    assert found["supported_features"] & 1
    assert found["seen_as"].startswith("v2:127.0.0.1:") or found["seen_as"].startswith("any:127.0.0.1:")


def test_probe_without_authentication(msgr: Msgr, ceph_none: Cluster) -> None:
    found = msgr("probe", ceph_none.addresses["mon.a"], "--json").document
    assert (found["auth_methods"], found["modes"]) == (["none"], ["crc"])


@pytest.mark.parametrize("name", ["client.admin", "client.unknown"])
def test_wrong_key_and_unknown_name(msgr: Msgr, ceph_cephx: Cluster, tmp_path: Path, name: str) -> None:
    keyring = Keyring()
    keyring.add(name, CryptoKey.generate(secrets.token_bytes, 1.0, KeyType.AES))
    keyring.save(tmp_path / "keyring")
    address = ceph_cephx.addresses["mon.a"]
    done = msgr("ping", address, "--name", name, "--keyring", str(tmp_path / "keyring"), "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")


def test_no_common_mode_and_unknown_method(msgr: Msgr, ceph_cephx: Cluster, ceph_none: Cluster) -> None:
    done = msgr("ping", ceph_cephx.addresses["mon.a"], "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
    keyring = str(ceph_cephx.keyring)
    done = msgr("ping", ceph_none.addresses["mon.a"], "--keyring", keyring, "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
