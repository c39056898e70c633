"""We read ceph.conf as the stock tools do, which are asked about generated files here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from msgr.errors import ConfigError
from msgr.mon.conf import CephConf

pytestmark = pytest.mark.ceph

FAST: Final = settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
FSID: Final = "6fb2d1a0-7f4b-4f0e-9d3c-0a4f3f1c5b7e"
PIECES: Final = [
    *(
        "[global]",
        "[client]",
        "[client.admin]",
        "[client.x]",
        "[osd]",
        "[",
        "]",
        "=",
        " = ",
        "foo",
        "foo bar",
        "foo_bar",
    ),
    *(
        "\n",
        "\n",
        "\n",
        "\r\n",
        " ",
        "\t",
        "\\",
        "\\\n",
        "#",
        ";",
        '"',
        "'",
        "x",
        "a b",
        "# note",
        "$name",
        "$",
        "${id}",
    ),
]
LINES: Final = [
    *(
        "[global]",
        "[client]",
        "[client.admin] # admin",
        "[client.x]",
        "[osd]",
        "foo = 1",
        " foo=2 ; two",
        "foo bar = x y",
    ),
    *(
        "foo_bar = 'q r'",
        'foo = "q"',
        "foo =",
        "",
        "  ",
        "# note",
        "\tfoo  bar\t=3",
        "foo = a\\",
        "foo = $name.$cluster",
    ),
    *(
        "foo = \\# \\; \\\\",
        "foo = ${id}x$type",
        "foo = $foo$$ ${",
        'foo = "a\\"b"',
        "foo=x # \\",
        "foo = = 'x'",
        "foo\\=1 = 2",
    ),
]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}
    return {**kept, "HOME": "/root", "LC_ALL": "C.UTF-8"}


def tool(path: Path, *arguments: str) -> str | None:
    """What `ceph-conf` prints; None where it has nothing to print, or refuses the file."""
    done = subprocess.run(
        ["ceph-conf", "-c", str(path), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


def looked_up(path: Path, text: str, option: str, name: str = "client.admin") -> tuple[str | None, str | None]:
    """What the tool and we find in a file with this text."""
    path.write_bytes(text.encode())
    try:
        ours = CephConf.load(path, name=name, environ={"HOME": "/root"}).get(option)
    except ConfigError:
        ours = None
    return tool(path, "--name", name, "--lookup", option), ours


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.conf"


@FAST
@given(
    lines=st.lists(st.sampled_from(LINES), max_size=8),
    option=st.sampled_from(["foo", "foo bar"]),
    name=st.sampled_from(["client.admin", "client.x", "osd.1"]),
)
def test_lines_are_read_alike(path: Path, lines: list[str], option: str, name: str) -> None:
    text = "[global]\n" + "".join(line + "\n" for line in lines)
    theirs, ours = looked_up(path, text, option, name)
    assert ours == theirs


@FAST
@example(pieces=["[global]\n", "foo = \\\n", '"x"', "\n"], whole=True)
@example(pieces=["[global]\n", "foo = \\\n ", '"x"', "\n"], whole=True)
@example(pieces=["[global]\n", 'foo = "x\\\ny"'], whole=True)
@example(pieces=["  \n", "[global]\n", "foo = x"], whole=True)
@example(pieces=["foo = x\n", "# note"], whole=False)
@example(pieces=["foo = x\n", "[client]\n"], whole=True)
@example(pieces=["[glo\\\nbal]\n", "foo = x"], whole=True)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=14), whole=st.just(True))
def test_pieces_are_read_alike(path: Path, pieces: list[str], whole: bool) -> None:
    text = "".join(pieces) + "\n" * whole
    theirs, ours = looked_up(path, text, "foo")
    # The tool takes an option's name that goes on in the next line, for another than one that does not.
    if re.search(r"\\\r?\n", text) and ours is None:
        return
    assert ours == theirs


@pytest.mark.parametrize(
    ("written", "option"),
    [
        ("keyring = $name|$cluster|$type|$id|$num|$fsid|$mon_host\nmon host = v2:[::1]:1\nfsid = " + FSID, "keyring"),
        ("keyring = ${name}x${id}$$name $named $name_x a$name.x", "keyring"),
        ("keyring = ${name a${ b${} $ $1 $Name ${Name} ${nix} $nix", "keyring"),
        ("keyring = $keyfile/k\nkeyfile = $key.f\nkey = $id", "keyring"),
        ("keyring = $keyring", "keyring"),
        ("keyring = $keyfile\nkeyfile = $keyring", "keyring"),
        ("keyring = $keyfile\nkeyfile = $key\nkey = $keyfile", "keyring"),
        ("keyring = $host\nhost = other", "keyring"),
        ("keyring = $home/x", "keyring"),
        ("", "keyring"),
        ("", "ms_mon_client_mode"),
        ("", "ms_client_mode"),
        ("", "client_mount_timeout"),
        ("", "keyfile"),
        ("mon-host = v2:[::1]:1", "mon_host"),
        ("Mon Host = v2:[::1]:1", "mon_host"),
        ("mon\thost = v2:[::1]:1", "mon_host"),
    ],
)
def test_options_have_the_same_values(path: Path, written: str, option: str) -> None:
    path.write_text(f"[global]\n{written}\n")
    ours = CephConf.load(path, environ={"HOME": "/root"}).get(option)
    assert ours == tool(path, "--name", "client.admin", "--show-config-value", option)


@pytest.mark.parametrize(
    "written", ["5", "5s", "5 s", "1h30m", "1h 30m", "2 hours", "1min", "1w", "1d2h3m4s", "007", "0"]
)
def test_times_are_read_alike(path: Path, written: str) -> None:
    path.write_text(f"[global]\nclient mount timeout = {written}\n")
    ours = CephConf.load(path).client_mount_timeout
    assert str(int(ours)) == tool(path, "--show-config-value", "client_mount_timeout")


@pytest.mark.parametrize("written", ["abc", "1h,30m", "5S", "30 30", "5secs", "1.5", "-1"])
def test_times_that_the_tool_passes_over_are_errors_here(path: Path, written: str) -> None:
    path.write_text(f"[global]\nclient mount timeout = {written}\n")
    assert tool(path, "--show-config-value", "client_mount_timeout") == "300"
    with pytest.raises(ConfigError, match="client_mount_timeout"):
        _ = CephConf.load(path).client_mount_timeout


ADDRESSES: Final = [
    *("10.0.0.1", "v2:10.0.0.1", "v1:10.0.0.1", "v2:10.0.0.1:77", "v2:10.0.0.1:77/9", "10.0.0.1:77", "10.0.0.1:77/9"),
    *("10.0.0.1:6789", "10.0.0.1:3300", "10.0.0.1/5", "10.0.0.1:0", "any:10.0.0.1:77", "[10.0.0.1]", "[10.0.0.1:77]"),
    *("[v2:10.0.0.1:77/0,v1:10.0.0.1:78/0]", "[v1:10.0.0.1:78/0,v2:10.0.0.1:77/0]", "::1", "[::1]", "[::1]:77"),
    *(
        "v2:[::1]:77",
        "v2:[::1]",
        "v2:::1",
        "[v2:[::1]:77/0,v1:[::1]:78/0]",
        "[v2:10.0.0.1:77,v2:10.0.0.1:78]",
    ),
    *(
        "v3:10.0.0.1",
        "none:10.0.0.1",
        "10.0.0.1:x",
        "[v2:10.0.0.1:7",
        "10.0.0.1:7]",
        "[]",
    ),
    *("10.0.0.1:77/x", "[ v2:10.0.0.1:7 ]", "[v2:10.0.0.1:1 v1:10.0.0.1:2]", "/x"),
]


NAMES: Final = ["localhost", "localhost:77", "localhost:6789", "10.0.0.1", "10.0.0.1:77", "[::1]:77"]
"""With a name among them, the tool understands neither types nor nonces."""


def monmap(path: Path, written: str, section: str = "") -> set[str]:
    """The msgr2 addresses of the monitors with which a cluster of this configuration would begin."""
    path.write_text(f"[global]\nfsid = {FSID}\n{section}\n{written}\n")
    target = path.with_suffix(".map")
    target.unlink(missing_ok=True)
    done = subprocess.run(
        ["monmaptool", "--create", "--generate", "-c", str(path), "--print", str(target)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    monitors = re.findall(r"^\d+: (\S+) mon\.", done.stdout, re.MULTILINE)
    return set(re.findall(r"v2:[^,/]+:\d+/\d+", " ".join(monitors)))


def ours(path: Path) -> set[str]:
    try:
        found = CephConf.load(path).monitors
    except ConfigError:
        return set()
    return {address if "/" in address else f"{address}/0" for address in found}


def entries(addresses: list[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Some addresses, each with what parts it from the next."""
    marks = st.sampled_from([",", " ", "\\;", ", "])
    return st.lists(st.tuples(st.sampled_from(addresses), marks), min_size=1, max_size=3)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=entries(ADDRESSES) | entries(NAMES))
def test_monitors_are_found_where_the_tool_finds_them(path: Path, written: list[tuple[str, str]]) -> None:
    # Each entry is another host: the tool refuses the same monitor twice in one spelling, and not in another.
    hosts = [
        address.replace("10.0.0", f"10.0.{n}").replace("::1", f"::{n + 1}") for n, (address, _) in enumerate(written)
    ]
    line = "mon host = " + "".join(host + mark for host, (_, mark) in zip(hosts, written, strict=True))
    theirs = {address.replace("localhost", "127.0.0.1") for address in monmap(path, line)}
    assert {address.replace("localhost", "127.0.0.1") for address in ours(path)} == theirs


@pytest.mark.parametrize("written", ["10.0.0.1", "10.0.0.1:77", "v2:10.0.0.1:78", "v1:10.0.0.1", ""])
def test_older_sections_of_monitors(path: Path, written: str) -> None:
    theirs = monmap(path, f"mon addr = {written}\n[mon.b]\nmon addr = v2:10.0.0.2:79", "[mon.a]")
    assert theirs
    assert ours(path) == theirs
    theirs = monmap(path, "mon host = 10.0.0.3\n[mon.a]\nmon addr = v2:10.0.0.2:79")
    assert ours(path) == theirs == {"v2:10.0.0.3:3300/0"}


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("v2:localhost:77", "a name needs no lookup before we connect"),
        ("localhost:77/5", "so does a nonce to a name"),
        ("[v2:10.0.0.1,v1:10.0.0.1]", "the tool means port 0 by no port, if it is in brackets"),
        ("10.0.0.1\t10.0.0.2", "a tab is a blank as well"),
    ],
)
def test_addresses_that_the_tool_does_not_understand(path: Path, written: str, reason: str) -> None:
    theirs = monmap(path, f"mon host = {written}")
    assert ours(path), reason
    assert ours(path) != theirs, reason


@pytest.mark.parametrize("written", ["10.0.0.1:99999", "10.0.1", "v2:10.0.0.1:1/0v1:10.0.0.1:2/0"])
def test_addresses_that_only_the_tool_understands(path: Path, written: str) -> None:
    """A port beyond 65535 wraps there, numbers with two dots are names to us, and nothing parts the last two."""
    theirs = monmap(path, f"mon host = {written}")
    assert theirs
    assert ours(path) != theirs
