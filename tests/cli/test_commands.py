"""Each command does what it says, and its document has the keys that programs rely on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from msgr import CryptoKey, EntityName, Keyring, KeyType, __version__

from .run import Msgr, serving, spawn

PROBED = [
    "address",
    "supported_features",
    "required_features",
    "revision",
    "entity_type",
    "seen_as",
    "auth_methods",
    "modes",
]
PINGED = ["address", "mode", "revision", "global_id", "rtt_us"]
MEASURED = ["size", "count", "mode", "revision", "messages_per_second", "gigabytes_per_second", "rtt_us"]


def test_demo_shows_all_modes(msgr: Msgr) -> None:
    done = msgr("demo", "--json")
    assert (done.code, done.err) == (0, "")
    assert list(done.document) == ["ok", "modes"]
    assert done.document["ok"] is True
    modes = done.document["modes"]
    assert [(each["mode"], each["revision"]) for each in modes] == [
        ("secure", "2.1"),
        ("crc", "2.1"),
        ("secure", "2.0"),
        ("crc", "2.0"),
    ]
    for each in modes:
        assert each["auth"] == "cephx"
        assert each["messages"] == 4002
        assert min(each["seconds"], each["megabytes"], each["rtt_us"], each["handshake_ms"]) > 0


def test_demo_is_for_people_too(msgr: Msgr) -> None:
    done = msgr("demo")
    assert (done.code, done.err) == (0, "")
    assert "AES-128-GCM" in done.out
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 110


def test_probe(msgr: Msgr, server: str) -> None:
    done = msgr("probe", server, "--json")
    assert (done.code, done.err) == (0, "")
    assert list(done.document) == PROBED
    assert done.document["seen_as"].startswith("v2:127.0.0.1:")
    assert done.document | {"seen_as": None} == {
        "address": server,
        "supported_features": 3,
        "required_features": 0,
        "revision": "2.1",
        "entity_type": "mon",
        "seen_as": None,
        "auth_methods": ["cephx"],
        "modes": ["secure"],
    }


def test_probe_sees_differences(msgr: Msgr, open_server: str, old_server: str) -> None:
    found = msgr("probe", open_server, "--json").document
    assert (found["entity_type"], found["auth_methods"], found["modes"]) == ("osd", ["none"], ["crc"])
    found = msgr("probe", old_server, "--json").document
    assert (found["revision"], found["supported_features"], found["modes"]) == ("2.0", 2, ["crc"])


def test_probe_is_for_people_too(msgr: Msgr, server: str) -> None:
    done = msgr("probe", server)
    assert done.code == 0
    assert f"{server} is a mon and speaks msgr 2.1\n" in done.out
    assert "  supported features  0x3 (revision 2.1, compression)\n" in done.out


def test_ping(msgr: Msgr, server: str, keyring: Path) -> None:
    done = msgr("ping", server, "--keyring", str(keyring), "--count", "3", "--json")
    assert (done.code, done.err) == (0, "")
    assert list(done.document) == PINGED
    assert done.document["address"] == server
    assert (done.document["mode"], done.document["revision"]) == ("secure", "2.1")
    assert done.document["global_id"] > 0
    assert len(done.document["rtt_us"]) == 3
    assert min(done.document["rtt_us"]) >= 0


def test_ping_in_the_other_mode_and_revision(msgr: Msgr, old_server: str, keyring: Path) -> None:
    done = msgr(
        *("ping", old_server, "--json", "--name", "client.admin", "--keyring", str(keyring)),
        *("--mode", "crc", "--revision", "2.0"),
    )
    assert (done.document["mode"], done.document["revision"]) == ("crc", "2.0")


def test_ping_without_a_keyring_says_so(msgr: Msgr, open_server: str) -> None:
    assert msgr("ping", open_server, "--json").document["mode"] == "crc"
    done = msgr("ping", open_server, "--count", "2")
    first, second, *rest = done.out.splitlines()
    assert first == "no keyring is given: method none, which proves nothing"
    assert second.startswith(f"{open_server}: crc mode, revision 2.1, none as client.admin, global id ")
    assert [line.partition(":")[0] for line in rest] == ["keepalive 1", "keepalive 2", "2 round trips"]
    assert "\n1 round trip: " in msgr("ping", open_server, "--count", "1").out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_in_good_order(msgr: Msgr, keyring: Path, number: signal.Signals) -> None:
    with serving("--keyring", str(keyring)) as served:
        assert msgr("ping", served.address, "--keyring", str(keyring)).code == 0
        done = served.stop(number)
    assert done.code == 0
    assert done.document == {
        "addresses": [served.address],
        "sessions": 1,
        "messages": 0,
        "bytes": 0,
        "failed": 0,
    }
    assert "client.admin" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("kind", [KeyType.AES256K, KeyType.AES])
def test_keygen_prints_a_key(msgr: Msgr, kind: KeyType) -> None:
    done = msgr("keygen", "--type", kind.name.lower())
    assert (done.code, done.err) == (0, "")
    assert CryptoKey.parse(done.out).type is kind
    found = msgr("keygen", "--type", kind.name.lower(), "--json").document
    assert list(found) == ["type", "name", "keyring", "key"]
    assert CryptoKey.parse(found["key"]).type is kind


def test_keygen_makes_strong_and_different_keys(msgr: Msgr) -> None:
    first, second = (CryptoKey.parse(msgr("keygen").out) for _ in range(2))
    assert first.type is KeyType.AES256K
    assert first.secret != second.secret


def test_keygen_with_a_name_prints_a_section(msgr: Msgr) -> None:
    keyring = Keyring.loads(msgr("keygen", "--name", "client.x").out)
    assert list(map(str, keyring)) == ["client.x"]


def test_keygen_adds_to_a_keyring(msgr: Msgr, tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    done = msgr("keygen", "--name", "client.x", "--keyring", str(path))
    assert done.code == 0
    first = Keyring.load(path)
    assert first.get("client.x").key.to_text() not in done.out
    path.chmod(0o644)
    found = msgr("keygen", "--type", "aes", "--keyring", str(path), "--json").document
    assert found == {"type": "aes", "name": "client.admin", "keyring": str(path), "key": None}
    assert path.stat().st_mode & 0o777 == 0o600
    both = Keyring.load(path)
    assert both.get("client.x") == first.get("client.x")
    assert both.get("client.admin").key.type is KeyType.AES


def test_keygen_replaces_a_key_only_by_force(msgr: Msgr, tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    keyring = Keyring()
    keyring.add("client.x", CryptoKey.generate(lambda size: bytes(range(size)), 0), {"mon": "allow r"})
    keyring.save(path)
    before = path.read_bytes()
    options = ("keygen", "--name", "client.x", "--keyring", str(path), "--json")
    done = msgr(*options)
    assert (done.code, done.error["kind"]) == (2, "KeyringError")
    assert path.read_bytes() == before
    assert msgr(*options, "--force").code == 0
    entry = Keyring.load(path).get(EntityName.parse("client.x"))
    assert entry.key != keyring.get("client.x").key
    assert entry.caps == {"mon": "allow r"}


def test_bench_by_count(msgr: Msgr) -> None:
    done = msgr("bench", "--count", "300", "--size", "1000", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert list(found) == MEASURED
    assert (found["size"], found["count"], found["mode"], found["revision"]) == (1000, 300, "secure", "2.1")
    assert found["rtt_us"] > 0
    assert found["gigabytes_per_second"] == pytest.approx(found["messages_per_second"] * 1000 / 1e9, rel=0.01)


def test_bench_by_time(msgr: Msgr) -> None:
    done = msgr("bench", "--seconds", "0.2", "--mode", "crc", "--revision", "2.0")
    assert (done.code, done.err) == (0, "")
    first, *_, last = done.out.splitlines()
    assert first == "4,096 bytes a message, crc mode, revision 2.0, cephx, loopback"
    assert last.startswith("compared with what was sent: ")


def test_version_and_help(msgr: Msgr) -> None:
    assert msgr("--version").out == f"msgr {__version__}\n"
    done = msgr("--help")
    assert done.code == 0
    assert commands_of(done.out) == [
        *("demo", "probe", "ping", "doctor", "serve", "keygen", "decode", "dissector", "bench", "soak", "mesh"),
        *("mon", "conform", "vectors"),
    ]
    for command in commands_of(done.out):
        told = msgr(command, "--help").out
        for below in commands_of(told):
            assert "--json" in msgr(command, below, "--help").out
        assert commands_of(told) or "--json" in told


def commands_of(told: str) -> list[str]:
    """Return the commands that a help text lists, if it is that of a group."""
    return [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines() if line[2:3].isalpha()]


def test_the_module_is_the_command() -> None:
    done = spawn("keygen", "--json")
    assert (done.code, done.err) == (0, "")
    assert CryptoKey.parse(done.document["key"]).type is KeyType.AES256K
