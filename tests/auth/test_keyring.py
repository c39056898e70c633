"""Keyrings: vectors, files, and the tools of a real Ceph."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import CryptoKey, Keyring, KeyringEntry, KeyType
from msgr.errors import ConfigError, DecodeError, KeyringError
from msgr.wire import EntityName, Timestamp

from .helpers import ADMIN, BOTH, NOW, Vector, dice_of, error_of, key_of, loaded_dice, vectors

TOOL = shutil.which("ceph-authtool")
needs_tool = pytest.mark.skipif(TOOL is None, reason="no ceph-authtool here")


def content(vector: Vector) -> str | bytes:
    return vector["text"].encode() if "text" in vector else bytes.fromhex(vector["binary"])


@pytest.mark.parametrize("vector", vectors("keyring", "keyring", result="invalid"))
def test_refused(vector: Vector) -> None:
    with pytest.raises(error_of(vector)) as caught:
        Keyring.loads(content(vector))
    if "text" in vector:
        assert str(caught.value).startswith("line ")
    assert "AQDb" not in str(caught.value)


def test_lookup() -> None:
    keyring = Keyring()
    with pytest.raises(KeyringError, match=r"client\.admin.*empty.*KEY-9"):
        keyring.get("client.admin")
    entry = keyring.add("client.b", key_of(), {"osd": "allow r", "mon": "allow r"})
    keyring.add("mon.", key_of(KeyType.AES))
    assert list(entry.caps) == ["mon", "osd"]
    assert keyring.get("client.b") is keyring.get(EntityName.parse("client.b")) is entry
    assert "client.b" in keyring
    assert ADMIN not in keyring
    assert len(keyring) == 2
    assert [str(name) for name in keyring] == ["mon.", "client.b"]
    with pytest.raises(KeyringError, match=r"client\.admin.*mon\., client\.b"):
        keyring.get(ADMIN)
    keyring.remove("mon.")
    assert repr(keyring) == "Keyring(client.b)"
    with pytest.raises(KeyringError):
        keyring.remove("mon.")
    with pytest.raises(ConfigError):
        keyring.get("nonsense")
    assert keyring != {}


@pytest.mark.parametrize("name", ["client.a\nb", "client. a", "client.a ", "client.\x00"])
def test_names_that_no_section_holds(name: str) -> None:
    with pytest.raises(KeyringError, match="KEY-5"):
        Keyring().add(name, key_of())


@pytest.mark.parametrize(
    ("service", "capability"), [("", "x"), ("mon=", "x"), ("mon_x", "x"), ("mon", "a\nb"), ("mon", "a\rb")]
)
def test_caps_that_no_line_holds(service: str, capability: str) -> None:
    with pytest.raises(KeyringError, match="KEY-5"):
        Keyring().add(ADMIN, key_of(), {service: capability})


def test_line_numbers() -> None:
    with pytest.raises(KeyringError, match=r"^line 4: 'foo'.*KEY-6"):
        Keyring.loads("; one\n[client.a]\n\nfoo = bar\n")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / f".keyring.{os.getpid()}.new").write_text("left behind by an accident")
    keyring = Keyring()
    keyring.add(ADMIN, key_of(), {"mon": "allow *"})
    keyring.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.load(path) == keyring
    assert Keyring.load(str(path)) == keyring
    assert [entry.name for entry in tmp_path.iterdir()] == ["keyring"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="No such file"):
        Keyring.load(tmp_path / "nothing")
    with pytest.raises(KeyringError, match="No such file"):
        Keyring().save(tmp_path / "nowhere" / "keyring")
    (tmp_path / "directory").mkdir()
    with pytest.raises(KeyringError, match="directory"):
        Keyring().save(tmp_path / "directory")
    assert [entry.name for entry in tmp_path.iterdir()] == ["directory"]
    (tmp_path / "bad").write_text("[client.a]\nnonsense\n")
    with pytest.raises(KeyringError, match=r"bad: line 2: "):
        Keyring.load(tmp_path / "bad")
    (tmp_path / "huge").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(KeyringError, match="KEY-5"):
        Keyring.load(tmp_path / "huge")


# Keys


@pytest.mark.parametrize("kind", BOTH)
def test_generate(kind: KeyType) -> None:
    size = 16 if kind is KeyType.AES else 32
    key = CryptoKey.generate(loaded_dice(bytes(range(size))), NOW, kind)
    assert key.created == Timestamp(seconds=int(NOW), nanoseconds=250_000_000)
    assert key.secret == bytes(range(size))
    assert CryptoKey.parse(key.to_text()) == key
    assert "\\x00" not in repr(key)
    assert CryptoKey.generate(dice_of("x"), NOW).type is KeyType.AES256K


def test_keys_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="KEY-2"):
        CryptoKey.generate(dice_of("x"), NOW, KeyType.NONE)
    for kind, size in ((0, 16), (1, 15), (1, 17), (1, 32), (2, 16), (2, 31), (2, 33), (3, 16), (1, 65535)):
        with pytest.raises(ConfigError, match="KEY-2"):
            CryptoKey(type=kind, created=Timestamp(), secret=bytes(size))
    with pytest.raises(DecodeError, match="KEY-2"):
        CryptoKey.decode(b"\x01\0" + bytes(8) + b"\xff\xff" + bytes(65535))


# Properties

IDS = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp", "Zs", "Cn", "Co", "Cf")), max_size=8)
NAMES = st.builds(lambda kind, ident: EntityName(type=kind, id=ident), st.sampled_from([1, 2, 4, 8, 16]), IDS)
CAPS = st.dictionaries(
    st.sampled_from(["mon", "osd", "mds", "mgr", "x y"]), st.text().filter(lambda s: not set(s) & {"\n", "\r"})
)


@given(st.dictionaries(NAMES, st.tuples(st.sampled_from(BOTH), CAPS), max_size=4))
def test_what_is_written_is_read(found: dict[EntityName, tuple[KeyType, dict[str, str]]]) -> None:
    keyring = Keyring({name: KeyringEntry(key_of(kind), caps) for name, (kind, caps) in found.items()})
    assert Keyring.loads(keyring.dumps()) == keyring
    assert Keyring.loads(keyring.dumps().encode()) == keyring


@given(st.binary() | st.text(alphabet="[]client.akey=caps mon\"'\\#; \t\n_AQ").map(lambda s: "[client.a]\n" + s))
def test_any_content_is_a_keyring_or_an_error(data: str | bytes) -> None:
    try:
        keyring = Keyring.loads(data)
    except KeyringError:
        return
    assert Keyring.loads(keyring.dumps()) == keyring


@given(st.binary().map(lambda tail: b"\x01" + tail))
def test_any_bytes_are_a_binary_keyring_or_an_error(data: bytes) -> None:
    try:
        Keyring.loads(data)
    except KeyringError:
        return


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_key_or_an_error(data: bytes) -> None:
    try:
        key = CryptoKey.decode(data)
    except DecodeError:
        return
    assert CryptoKey.parse(key.to_text()) == key


# The tools of a real Ceph


def tool(*arguments: str | Path) -> str:
    assert TOOL is not None
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.ceph
@needs_tool
def test_the_tool_writes_and_we_read(tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    caps = ["--cap", "mon", 'allow "x" r', "--cap", "osd", "allow rwx pool=x"]
    tool("--create-keyring", "--gen-key", "-n", "client.x", *caps, path)
    tool("--gen-key", "-n", "mon.", path)
    keyring = Keyring.load(path)
    assert keyring.get("client.x").key.to_text() == tool("-p", "-n", "client.x", path).strip()
    assert keyring.get("client.x").caps == {"mon": 'allow "x" r', "osd": "allow rwx pool=x"}
    assert keyring.dumps() == path.read_text()


@pytest.mark.ceph
@needs_tool
def test_we_write_and_the_tool_reads(tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    keyring = Keyring()
    keyring.add(ADMIN, key_of(KeyType.AES), {"mon": "allow *", "osd": 'allow "a # b; c\\d"'})
    keyring.add("client.a b#c]", key_of(KeyType.AES), {})
    keyring.save(path)
    assert tool("-p", "-n", "client.admin", path).strip() == key_of(KeyType.AES).to_text()
    listed = tool("-l", path)
    assert 'caps osd = "allow \\"a # b; c\\d\\""' in listed
    assert "[client.a b#c]]" in listed
    plain = Keyring()
    plain.add(ADMIN, key_of(KeyType.AES), {"mon": "allow *"})
    plain.save(path)
    tool(path, "-n", "client.new", "-a", key_of(KeyType.AES, "new").to_text())
    plain.add("client.new", key_of(KeyType.AES, "new"))
    assert Keyring.load(path) == plain
    assert path.read_text() == plain.dumps()


@pytest.mark.ceph
@needs_tool
@pytest.mark.parametrize("vector", vectors("keyring", "keyring"))
def test_the_tool_judges_as_we_do(vector: Vector, tmp_path: Path) -> None:
    data = content(vector)
    data = data if isinstance(data, bytes) else data.encode()
    if "StockDiffers" in vector["flags"] or "AgC" in str(vector):
        pytest.skip("the tool judges otherwise, or is too old for the type of the key")
    path = tmp_path / "keyring"
    path.write_bytes(data)
    assert TOOL is not None
    done = subprocess.run([TOOL, "-l", str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode == 0) == (vector["result"] == "valid"), done.stderr
    if done.returncode == 0:
        # The tool lists without escapes.
        assert done.stdout.strip().replace("\\", "") == Keyring.loads(data).dumps().strip().replace("\\", "")
