"""What ceph.conf says, and where it is looked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.auth import AuthMethod, Keyring
from msgr.errors import ConfigError, KeyringError
from msgr.frame import Mode
from msgr.mon.conf import LARGEST_FILE, CephConf
from msgr.wire import Endpoint

KEY: Final = "AQDbdwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw=="
OTHER: Final = "AQDcdwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw=="
KEYRING: Final = f"[client.admin]\n\tkey = {KEY}\n"


def conf(*lines: str, name: str = "client.admin") -> CephConf:
    return CephConf.parse("\n".join(["[global]", *lines, ""]), name=name)


def test_the_nearest_section_wins() -> None:
    text = "[global]\na=1\nb=1\nc=1\n[client]\na=2\nb=2\n[client.admin]\na=3\n[client]\nd=4\n"
    found = CephConf.parse(text)
    assert [found.get(option) for option in "abcd"] == ["3", "2", "1", "4"]
    assert CephConf.parse(text, name="client.x").get("a") == "2"
    assert CephConf.parse(text, name="osd.0").get("a") == "1"
    assert found.get("e") is None


@pytest.mark.parametrize("asked", ["mon host", "mon_host", "mon-host", " mon  host "])
def test_an_option_may_be_asked_for_in_each_spelling(asked: str) -> None:
    assert conf("mon \t host = x").get(asked) == "x"


def test_values_are_freed_of_quotes_escapes_comments_and_joints() -> None:
    found = conf("a = ' x y '  # note", "b = p \\# \\\\ q ; note", "c = one \\", "two", "d =", "e = x=y [z]")
    assert [found.get(option) for option in "abcde"] == ["x y", "p # \\ q", "one two", "", "x=y [z]"]


def test_references_are_resolved() -> None:
    found = CephConf.parse(
        "[global]\nkeyring=/$cluster/${type}-$id/$name:$fsid$$ $nothing ${\nfsid=7\nkey=$keyfile\nkeyfile=$key\n",
        name="client.me",
        cluster="near",
    )
    assert found.get("keyring") == "/near/client-me/client.me:7$$ $nothing $"
    assert found.get("key") == "$key"  # a circle stays


def test_references_do_not_multiply() -> None:
    lines = [f"o{'x' * index} = {'$o' + 'x' * (index + 1)} {'$o' + 'x' * (index + 1)}" for index in range(40)]
    with pytest.raises(ConfigError, match=r"more than 1000 references \[CONF-2\]"):
        conf(*lines).get("o")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[global]\na\n", 2),
        ("[global]\n\n a = 'x\n", 3),
        ("[global]\na = 'x # y'\n", 2),
        ("[global]\na = 'x' y\n", 2),
        ("[global]\na = 1\n [client]\n", 3),
        ("[global\n", 1),
        ("[]\n", 1),
        ("a = 1\nb = 2\n", 2),
        ("\na = 1\n", 2),
        ("[global]\n= 1\n", 2),
        ("[global]\na\\\nb = 1\n", 2),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=rf"^here: line {line}: expected .* \[CONF-1\]$"):
        CephConf.parse(text, origin="here")


def test_secrets_stay_out_of_sight() -> None:
    assert KEY not in repr(conf(f"key = {KEY}"))
    with pytest.raises(ConfigError) as caught:
        conf(f"key = '{KEY}")
    assert KEY not in str(caught.value)
    with pytest.raises(KeyringError) as refused:
        conf("key = AQDbdw").keyring()
    assert "AQDbdw" not in str(refused.value)


@given(st.text(st.sampled_from("[]=#;\\\"'\n\r \tax$é"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    said = "read"
    try:
        CephConf.parse(text)
    except ConfigError as error:
        said = str(error)
    assert said == "read" or said.startswith("ceph.conf: line ")


def test_a_text_of_megabytes_is_refused() -> None:
    with pytest.raises(ConfigError, match="more than 1048576"):
        CephConf.parse("#" * (LARGEST_FILE + 1))
    assert CephConf.parse("#" + " " * (LARGEST_FILE - 1)).sections == {}


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("10.0.0.1", "v2:10.0.0.1:3300"),
        (
            "10.0.0.1, [::1]:77; b.example.org:3301 ::2",
            "v2:10.0.0.1:3300 v2:[::1]:77 v2:b.example.org:3301 v2:[::2]:3300",
        ),
        ("[v2:10.0.0.1:1/0,v1:10.0.0.1:2/0],[v1:10.0.0.2:2,v2:[::1]:3/4]", "v2:10.0.0.1:1 v2:[::1]:3/4"),
        ("v1:10.0.0.1 10.0.0.2:6789 10.0.0.3 10.0.0.3:3300", "v2:10.0.0.3:3300"),
    ],
)
def test_monitors_are_found_in_mon_host(written: str, addresses: str) -> None:
    quoted = written.replace(";", "\\;")
    found = conf(f"mon host = {quoted}").monitors
    assert " ".join(found) == addresses
    assert [str(Endpoint.parse(address)) for address in found] == list(found)


def test_monitors_are_found_in_sections_of_their_own() -> None:
    text = "[mon.b]\nmon addr = v2:10.0.0.2:1\n[mon.a]\nmon addr = v2:10.0.0.1\n[mon.c]\nmon addr = 10.0.0.3\n[mon.]\n"
    assert CephConf.parse(text).monitors == ("v2:10.0.0.1:3300", "v2:10.0.0.2:1")
    assert CephConf.parse("[global]\nmon host = x\n" + text).monitors == ("v2:x:3300",)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], r"no mon host, .*\(no SRV lookups\) \[CONF-3\]"),
        (["mon host = v1:10.0.0.1,10.0.0.2:6789"], r"msgr1 alone is spoken at v1:10.0.0.1, 10.0.0.2:6789.*\[CONF-4\]"),
        (["mon host = 10.0.0.1:x"], r"ceph.conf: mon host: '10.0.0.1:x' is no address"),
        (["mon host = 10.0.0.1:70000"], "is no address"),
        (["[mon.a]", "mon addr = 10.0.0.1:6790"], "msgr1 alone"),
        (["[mon.a]", "mon addr = a b:c:d]"], r"\[mon.a\] mon addr"),
    ],
)
def test_no_monitor_is_an_error_that_tells_why(lines: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _ = conf(*lines).monitors


def test_what_a_client_needs_has_defaults() -> None:
    found = conf()
    assert found.fsid is None
    assert found.auth_client_required == (AuthMethod.CEPHX,)
    assert found.ms_mon_client_mode == (Mode.SECURE, Mode.CRC)
    assert found.ms_client_mode == (Mode.CRC, Mode.SECURE)
    assert found.client_mount_timeout == 300


def test_what_a_client_needs_is_read() -> None:
    fsid = "6fb2d1a0-7f4b-4f0e-9d3c-0a4f3f1c5b7e"
    found = conf(
        f"fsid = {fsid}",
        "auth client required = cephx, none",
        "ms mon client mode = secure",
        "client mount timeout = 1m",
    )
    assert found.fsid == UUID(fsid)
    assert found.auth_client_required == (AuthMethod.CEPHX, AuthMethod.NONE)
    assert found.ms_mon_client_mode == (Mode.SECURE,)
    assert found.client_mount_timeout == 60
    assert conf("auth client required = cephx", "auth supported = none").auth_client_required == (AuthMethod.NONE,)
    assert conf("fsid = 00000000-0000-0000-0000-000000000000").fsid is None


@pytest.mark.parametrize(
    ("option", "property_"),
    [
        ("fsid", "fsid"),
        ("auth_client_required", "auth_client_required"),
        ("ms_client_mode", "ms_client_mode"),
        ("client_mount_timeout", "client_mount_timeout"),
    ],
)
def test_a_value_without_sense_is_named(option: str, property_: str) -> None:
    with pytest.raises(ConfigError, match=rf"ceph.conf: {option} = 'mush', where .* \[CONF-6\]"):
        getattr(conf(f"{option} = mush"), property_)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a .ceph in it, and an empty directory to be in."""
    (tmp_path / "home/.ceph").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def written(path: Path, text: str = "[global]\nfoo = $cluster\n") -> Path:
    path.write_text(text)
    return path


def test_the_file_is_searched_where_the_tools_search(home: Path) -> None:
    environ = {"HOME": str(home)}
    with pytest.raises(ConfigError, match=r"/etc/ceph/near.conf: No such file.*\.ceph/near.conf: .*; near.conf: "):
        CephConf.load(cluster="near", environ=environ)
    written(Path("near.conf"))
    assert CephConf.load(cluster="near", environ=environ).origin == "near.conf"
    written(home / ".ceph/near.conf")
    assert CephConf.load(cluster="near", environ=environ).origin == str(home / ".ceph/near.conf")
    environ["CEPH_CONF"] = f"{home}/none.conf,{written(home / 'far.conf')}"
    assert CephConf.load(cluster="near", environ=environ).get("foo") == "near"
    assert CephConf.load(environ=environ).get("foo") == "ceph"
    assert CephConf.load(written(home / "given.conf"), environ=environ).get("foo") == "given"
    assert CephConf.load(home / "given.conf", cluster="near", environ=environ).get("foo") == "near"


def test_host_process_and_home_are_those_of_this_process(home: Path) -> None:
    path = written(home / "c.conf", "[global]\nfoo = $pid $home\nbar = $host\n")
    found = CephConf.load(path, environ={"HOME": "/h"})
    assert found.get("foo") == f"{os.getpid()} /h"
    assert found.get("bar")


def test_files_that_cannot_be_read_are_told(home: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        CephConf.load(home)
    (home / "bytes").write_bytes(b"[global]\nfoo = \xff\n")
    with pytest.raises(ConfigError, match=r"bytes: line 2: not UTF-8"):
        CephConf.load(home / "bytes")
    with pytest.raises(ConfigError, match=r"large: more than 1048576 bytes"):
        CephConf.load(written(home / "large", "#" * (LARGEST_FILE + 1)))
    with pytest.raises(ConfigError, match=r"bad: line 1: expected"):
        CephConf.load(written(home / "bad", "[global\n"))


def test_the_first_keyring_that_is_there_is_taken(home: Path) -> None:
    written(home / "ceph.client.admin.keyring", KEYRING)
    found = conf(f"keyring = {home}/none, {home}/$cluster.$name.keyring,{home}").keyring()
    assert found == Keyring.loads(KEYRING)


def test_a_key_goes_before_a_keyfile_and_that_before_a_keyring(home: Path) -> None:
    keyring, keyfile = written(home / "k", KEYRING), written(home / "f", OTHER + "\n")
    both = [f"keyring = {keyring}", f"keyfile = {keyfile}"]
    assert conf(*both).keyring().get("client.admin").key.to_text() == OTHER
    assert conf(*both, f"key = {KEY}").keyring().get("client.admin").key.to_text() == KEY


def test_no_keyring_is_an_error_that_tells_where_it_was_looked_for(home: Path) -> None:
    with pytest.raises(KeyringError, match=r"client\.me was not found: /a/ceph.client.me.k: No such file.*; /b: "):
        conf("keyring = /a/$cluster.$name.k,/b", name="client.me").keyring()
    with pytest.raises(KeyringError, match="no place to look at"):
        conf("keyring =").keyring()
    with pytest.raises(KeyringError, match=r"k: line 1"):
        conf(f"keyring = {written(home / 'k', 'mush')}").keyring()
    with pytest.raises(KeyringError, match=r"none: No such file"):
        conf(f"keyfile = {home}/none", f"keyring = {written(home / 'k', KEYRING)}").keyring()
