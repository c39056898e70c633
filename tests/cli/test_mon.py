"""`msgr mon` at a real cluster: a monitor, a manager and an OSD."""

from __future__ import annotations

import json
import os
import pty
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.clusters import READER, whole
from tests.lab import Cluster
from tests.lab.fixtures import ClusterFactory, only_release

from .conftest import make_keyring
from .run import ENVIRONMENT, LIMIT, PROGRAM, Msgr
from .test_processes import Terminal

pytestmark = [pytest.mark.ceph, only_release("16.2")]


@pytest.fixture(scope="session")
def cluster(ceph_shared: ClusterFactory) -> Cluster:
    """One of each."""
    return whole(ceph_shared)


@pytest.fixture
def reach(cluster: Cluster) -> tuple[str, ...]:
    """The options that lead to the cluster."""
    return ("mon", "-m", cluster.addresses["mon.a"], "--keyring", str(cluster.keyring))


@pytest.fixture
def binary(cluster: Cluster, tmp_path: Path, msgr: Msgr, reach: tuple[str, ...]) -> bytes:
    """Bytes that are no text, under the key `binary`."""
    value = bytes(range(256)) + secrets.token_bytes(100_000)
    (tmp_path / "value").write_bytes(value)
    done = msgr(*reach, "-i", str(tmp_path / "value"), "config-key", "set", "binary")
    assert (done.code, done.out) == (0, "")
    return value


def test_status(msgr: Msgr, reach: tuple[str, ...], cluster: Cluster) -> None:
    done = msgr(*reach, "status")
    assert (done.code, done.err) == (0, "")
    assert f"id:     {cluster.fsid}" in done.out
    assert "1 osds: 1 up" in done.out


def test_status_for_programs(msgr: Msgr, reach: tuple[str, ...], cluster: Cluster) -> None:
    done = msgr(*reach, "--json", "status")
    assert (done.code, done.err) == (0, "")
    assert list(done.document) == ["code", "status", "output"]
    assert (done.document["code"], done.document["status"]) == (0, "")
    assert done.document["output"]["fsid"] == cluster.fsid


@pytest.mark.parametrize("mode", ["secure", "crc"])
def test_words_with_arguments(msgr: Msgr, reach: tuple[str, ...], mode: str) -> None:
    assert msgr(*reach, "--mode", mode, "config", "set", "client.cli", "debug_ms", "3").code == 0
    done = msgr(*reach, "--mode", mode, "config", "get", "client.cli", "debug_ms")
    assert (done.code, done.out.strip()) == (0, "3/3")
    assert msgr(*reach, "--mode", mode, "osd", "pool", "get", "data", "size").out == "size: 1\n"


def test_the_format_is_the_daemons(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "--format", "json", "osd", "stat")
    assert json.loads(done.out)["num_up_osds"] == 1
    done = msgr(*reach, "-f", "json-pretty", "osd", "stat")
    assert done.out.count("\n") > 3


def test_a_json_object(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "--json", '{"prefix": "osd dump"}')
    assert (done.code, done.document["output"]["max_osd"]) == (0, 1)
    done = msgr(*reach, "tell", "osd.0", '{"prefix": "version"}')
    assert '"version": "16.2.' in done.out


@pytest.mark.parametrize("daemon", ["mon.a", "mgr", "mgr.x", "osd.0"])
def test_tell(msgr: Msgr, reach: tuple[str, ...], daemon: str) -> None:
    done = msgr(*reach, "--json", "tell", daemon, "version")
    assert (done.code, done.err) == (0, "")
    assert done.document["output"]["version"].startswith("16.2.")


def test_what_the_manager_answers(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "--json", "pg", "stat")
    assert (done.code, done.document["output"]["pg_summary"]["num_pgs"]) == (0, 1)


@contextmanager
def watching(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `msgr mon ... watch-log` while the body runs."""
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def talk(msgr: Msgr, reach: tuple[str, ...], enough: Callable[[], bool]) -> None:
    """Write to the log again and again: what was said before somebody listened, he may never hear."""
    end = time.monotonic() + LIMIT
    while not enough():
        assert time.monotonic() < end
        assert msgr(*reach, "log", "beware of the \x1b[31mdog").code == 0


def readable(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a process has said something."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0)[0])


def test_the_log(msgr: Msgr, reach: tuple[str, ...]) -> None:
    with watching(*reach, "--count", "3", "watch-log") as process:
        talk(msgr, reach, lambda: process.poll() is not None)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.count(b"\n") == 3
    assert b" [INF] " in out
    assert b"\x1b" not in out


def test_the_log_for_programs(msgr: Msgr, reach: tuple[str, ...]) -> None:
    with watching(*reach, "--count", "4", "--json", "watch-log", "debug") as process:
        talk(msgr, reach, lambda: process.poll() is not None)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 4
    assert all(list(line) == ["stamp", "name", "channel", "level", "text"] for line in lines)
    assert "\x1b[31m" in "".join(line["text"] for line in lines)  # a program gets what was said


def test_the_log_of_no_level(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "--json", "watch-log", "loud")
    assert (done.code, done.error["kind"]) == (2, "ConfigError")
    assert msgr(*reach, "watch-log", "info", "warn").code == 2
    assert msgr(*reach, "--count", "1", "status").code == 2


def test_a_configuration_file(msgr: Msgr, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    done = msgr("mon", "-c", str(cluster.conf), "--json", "fsid")
    assert (done.code, done.document["output"]) == (0, {"fsid": cluster.fsid})
    monkeypatch.setenv("CEPH_CONF", str(cluster.conf))
    done = msgr("mon", "--name", READER, "--json", "fsid")
    assert (done.code, done.document["output"]) == (0, {"fsid": cluster.fsid})


def test_a_configuration_file_of_another_cluster(msgr: Msgr, cluster: Cluster, tmp_path: Path) -> None:
    conf = tmp_path / "ceph.conf"
    conf.write_text(cluster.conf.read_text().replace(cluster.fsid, "11111111-2222-3333-4444-555555555555"))
    done = msgr("mon", "-c", str(conf), "--json", "status")
    assert (done.code, done.error["kind"], done.error["rule"]) == (1, "IdentError", "MON-6")


def test_without_authentication(msgr: Msgr, ceph_none: Cluster) -> None:
    done = msgr("mon", "-m", ceph_none.addresses["mon.a"], "fsid")
    assert (done.code, done.out.strip()) == (0, ceph_none.fsid)
    assert "proves nothing" in done.err
    done = msgr("mon", "-c", str(ceph_none.conf), "fsid")
    assert (done.code, done.out.strip()) == (0, ceph_none.fsid)


def test_options_come_before_the_words(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "status", "--name", "client.nobody")  # for the command, which knows no such parameter
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize("words", [("statsu",), ("tell", "osd.0", "versoin")])
def test_a_typo(msgr: Msgr, reach: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = msgr(*reach, *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("msgr: ")
    assert "status" in done.err or "version" in done.err


@pytest.mark.parametrize(
    "words", [("tell",), ("tell", "osd.0"), ("{",), ('{"prefix": 7}',), ("tell", "nobody", "version")]
)
def test_commands_that_are_none(msgr: Msgr, reach: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = msgr(*reach, "--json", *words)
    assert (done.code, done.error["kind"]) == (2, "ConfigError")


@pytest.mark.parametrize("daemon", ["osd.77", "mon.z", "mgr.z"])
def test_an_unknown_daemon(msgr: Msgr, reach: tuple[str, ...], daemon: str) -> None:
    done = msgr(*reach, "--json", "tell", daemon, "version")
    assert (done.code, done.document["code"]) == (1, -2)
    assert daemon.rpartition(".")[2] in done.document["status"]
    done = msgr(*reach, "tell", daemon, "version")
    assert (done.code, done.out) == (1, "")
    assert "the command failed with -2" in done.err


def test_what_is_refused(msgr: Msgr, reach: tuple[str, ...]) -> None:
    done = msgr(*reach, "--name", READER, "--json", "config", "set", "mon", "debug_ms", "1")
    assert (done.code, done.document["code"]) == (1, -13)


def test_a_wrong_key(msgr: Msgr, cluster: Cluster, tmp_path: Path) -> None:
    wrong = make_keyring(tmp_path / "keyring")
    done = msgr("mon", "-m", cluster.addresses["mon.a"], "--keyring", str(wrong), "--json", "status")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")


def test_bytes_go_out_as_they_are(reach: tuple[str, ...], binary: bytes, tmp_path: Path, msgr: Msgr) -> None:
    out = tmp_path / "out"
    done = msgr(*reach, "--out", str(out), "config-key", "get", "binary")
    assert (done.code, done.out) == (0, "")
    assert out.read_bytes() == binary
    piped = run(*reach, "config-key", "get", "binary")
    assert (piped.returncode, piped.stdout.removesuffix(b"\n")) == (0, binary)
    done = msgr(*reach, "--json", "config-key", "get", "binary")
    assert list(done.document["output"]) == ["base64"]


def test_bytes_come_in_over_the_standard_input(reach: tuple[str, ...], tmp_path: Path, msgr: Msgr) -> None:
    done = run(*reach, "-i", "-", "config-key", "set", "from-stdin", stdin=b"\xff\0\n")
    assert done.returncode == 0
    assert msgr(*reach, "-o", str(tmp_path / "out"), "config-key", "get", "from-stdin").code == 0
    assert (tmp_path / "out").read_bytes() == b"\xff\0\n"
    assert msgr(*reach, "-i", str(tmp_path / "none"), "config-key", "set", "from-stdin").code != 0


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run one command in a process of its own, and return its output byte for byte."""
    return subprocess.run(
        [*PROGRAM, *arguments], env=ENVIRONMENT, input=stdin, capture_output=True, timeout=LIMIT, check=False
    )


def test_interrupted(msgr: Msgr, reach: tuple[str, ...]) -> None:
    with watching(*reach, "watch-log") as process:
        talk(msgr, reach, lambda: readable(process))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (130, b"msgr: interrupted\n")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_whoever_read_the_log_is_gone(msgr: Msgr, reach: tuple[str, ...], options: tuple[str, ...]) -> None:
    """As with `| head -1`, which has read enough."""
    with watching(*reach, *options, "watch-log") as process:
        talk(msgr, reach, lambda: readable(process))
        assert process.stdout is not None
        process.stdout.close()
        talk(msgr, reach, lambda: process.poll() is not None)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (1, b"")


def test_at_a_terminal(reach: tuple[str, ...], cluster: Cluster) -> None:
    """What is under way is shown there, and nowhere else."""
    reading, writing = pty.openpty()
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("TERM", "NO_COLOR")}
    with subprocess.Popen(
        [*PROGRAM, *reach, "fsid"],
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writing,
    ) as process:
        os.close(writing)
        terminal = Terminal(reading)
        try:
            terminal.until_end()
            out, _ = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
            os.close(reading)
    assert (process.returncode, out) == (0, f"{cluster.fsid}\n".encode())
    assert "looking for a monitor among" in terminal.text


def test_whoever_would_read_is_gone(reach: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, *reach, "status"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_time_limit(msgr: Msgr, reach: tuple[str, ...], cluster: Cluster) -> None:
    os.kill(cluster.pids["osd.0"], signal.SIGSTOP)
    try:
        done = msgr(*reach, "--timeout", "0.5", "--json", "tell", "osd.0", "version")
    finally:
        os.kill(cluster.pids["osd.0"], signal.SIGCONT)
    assert (done.code, done.error["kind"], done.error["rule"]) == (1, "TimedOut", "MON-3")
