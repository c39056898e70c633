"""What goes wrong ends in the right exit code and one clear line, and with --json in one document as well."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import anyio
import pytest

from msgr import ConnectionLost, TimedOut, Timeouts, connect, probe
from msgr.cli import app, main
from msgr.cli.report import Failure

from .run import ENVIRONMENT, LIMIT, PROGRAM, Msgr, spawn

NOBODY = "v2:127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--nonsense"], "NoSuchOption"),
        (["ping", NOBODY, "--nme", "client.x"], "NoSuchOption"),
        (["ping"], "MissingParameter"),
        (["ping", NOBODY, "--mode", "plain"], "BadParameter"),
        (["ping", NOBODY, "--revision", "3"], "BadParameter"),
        (["ping", NOBODY, "--count", "0"], "BadParameter"),
        (["ping", "127.0.0.1:1"], "ConfigError"),
        (["ping", "v1:127.0.0.1:1"], "ConfigError"),
        (["ping", NOBODY, "--name", "admin"], "ConfigError"),
        (["ping", NOBODY, "--mode", "secure"], "ConfigError"),
        (["ping", NOBODY, "--keyring", "/nowhere/keyring"], "KeyringError"),
        (["probe", "v2:127.0.0.1:65536"], "ConfigError"),
        (["probe", "v2:::1:6789"], "ConfigError"),
        (["serve", "v2:127.0.0.1:0", "--keyring", "/nowhere/keyring"], "KeyringError"),
        (["serve", "v2:127.0.0.1:0", "--mode", "secure"], "ConfigError"),
        (["serve", "v2:192.0.2.1:0"], "ConfigError"),
        (["keygen", "--type", "des"], "BadParameter"),
        (["keygen", "--keyring", "/nowhere/keyring"], "KeyringError"),
        (["keygen", "--name", "admin"], "ConfigError"),
        (["bench", "--size", "-1"], "BadParameter"),
        (["bench", "--size", "1000000000000"], "MessageTooLarge"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_usage(msgr: Msgr, arguments: list[str], kind: str) -> None:
    done = msgr(*arguments, "--json")
    assert (done.code, done.error["kind"]) == (2, kind)
    assert "\n" not in done.error["message"]


def test_a_command_that_does_not_exist(msgr: Msgr) -> None:
    for done in (msgr("pong", "--json"), msgr("--json"), spawn("pong", "--json")):
        assert done.code == 2
        assert done.error["kind"]


def test_what_is_no_name_is_refused_before_anything_is_said(msgr: Msgr) -> None:
    done = msgr("ping", NOBODY, "--name", "admin")
    assert (done.code, done.out) == (2, "")


def test_usage_is_one_line_for_people(msgr: Msgr) -> None:
    done = msgr("ping", NOBODY, "--nme", "client.x")
    assert (done.code, done.out) == (2, "")
    assert done.err == "msgr: No such option: --nme (Possible options: --mode, --name) (see msgr ping --help)\n"


@pytest.mark.parametrize("command", ["ping", "probe"])
@pytest.mark.parametrize("address", [NOBODY, "v2:nobody.invalid:6789"])
def test_no_peer(msgr: Msgr, command: str, address: str) -> None:
    done = msgr(command, address, "--json")
    assert (done.code, done.error["kind"]) == (3, "ConnectFailed")


@pytest.mark.anyio
async def test_no_peer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that passes before there is a connection means nobody there; a later one is the peer's failure."""
    soon = Timeouts(handshake=0.01)
    with silent_peer(b"") as address:
        with pytest.raises(TimedOut) as late:
            await probe(address, timeouts=soon)
        assert Failure.of(late.value).code == 1
        with pytest.raises(TimedOut) as late:
            async with connect(address, name="client.x", auth=None, timeouts=soon):
                pass
        assert Failure.of(late.value).code == 1
    for module in ("msgr.net.dialler", "msgr.net.probe"):
        monkeypatch.setattr(sys.modules[module], "dial", lambda endpoint: anyio.sleep_forever())
    with pytest.raises(TimedOut) as early:
        await probe(NOBODY, timeouts=soon)
    assert Failure.of(early.value).code == 3
    with pytest.raises(TimedOut) as early:
        async with connect(NOBODY, name="client.x", auth=None, timeouts=soon):
            pass
    assert Failure.of(early.value).code == 3
    assert Failure.of(early.value).rule == "LIMIT-3"


@pytest.mark.parametrize("name", ["client.admin", "client.unknown"])
def test_refused(msgr: Msgr, server: str, other_keyring: Path, name: str) -> None:
    done = msgr("ping", server, "--name", name, "--keyring", str(other_keyring), "--json")
    assert done.code == 1
    assert (done.error["kind"], done.error["rule"]) == ("AuthRefused", "AUTH-5")


def test_no_common_mode_or_method(msgr: Msgr, server: str, keyring: Path) -> None:
    done = msgr("ping", server, "--mode", "crc", "--keyring", str(keyring), "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
    assert "secure" in done.error["message"]
    done = msgr("ping", server, "--json")
    assert (done.code, done.error["kind"]) == (1, "AuthRefused")
    assert "cephx" in done.error["message"]


def test_no_common_revision(msgr: Msgr, old_server: str, keyring: Path) -> None:
    done = msgr("ping", old_server, "--mode", "crc", "--keyring", str(keyring), "--json")
    assert (done.code, done.error["kind"], done.error["rule"]) == (1, "BannerError", "BANNER-5")


@pytest.mark.parametrize(
    ("says", "kind"),
    [(b"ceph v027", "BannerError"), (b"SSH-2.0-OpenSSH_9\r\n", "BannerError"), (b"ceph v2\n\x10", "ConnectionLost")],
)
@pytest.mark.parametrize("command", ["ping", "probe"])
def test_something_else_answers(msgr: Msgr, command: str, says: bytes, kind: str) -> None:
    with silent_peer(says, ends=True) as address:
        done = msgr(command, address, "--json")
    assert (done.code, done.error["kind"]) == (1, kind)


@contextmanager
def silent_peer(says: bytes, *, ends: bool = False) -> Iterator[str]:
    """Listen, and say these bytes to whoever comes, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def answer() -> None:
            connected, _ = listening.accept()
            taken.append(connected)
            connected.sendall(says)
            if ends:
                connected.shutdown(socket.SHUT_WR)

        thread = Thread(target=answer, daemon=True)
        if says:
            thread.start()
        yield f"v2:127.0.0.1:{listening.getsockname()[1]}"
        if says:
            thread.join(LIMIT)
        for connected in taken:
            connected.close()


def test_interrupted(msgr: Msgr, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_invoke", interrupt)
    done = msgr("demo", "--json")
    assert (done.code, done.error["kind"]) == (130, "KeyboardInterrupt")


def test_interrupted_while_code_is_made(tmp_path: Path) -> None:
    """Python, run with -m, remembers an interrupt that was raised within an `exec`, and would end by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from msgr.cli import app, main\n"
        "app._invoke = lambda arguments: exec('raise KeyboardInterrupt')\n"
        "sys.exit(main(['demo']))\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (130, b"msgr: interrupted\n")


def test_a_fault_of_our_own_is_one_line(msgr: Msgr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str]) -> None:
        raise ExceptionGroup("tasks", [RuntimeError("no such luck")])

    monkeypatch.setattr(app, "_invoke", fail)
    done = msgr("demo", "--json")
    assert (done.code, done.error["kind"]) == (1, "RuntimeError")
    assert "no such luck" in done.error["message"]


def test_what_a_task_group_raises_is_seen_through(msgr: Msgr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str]) -> None:
        raise ExceptionGroup("tasks", [ConnectionLost("the stream broke")])

    monkeypatch.setattr(app, "_invoke", fail)
    assert msgr("demo", "--json").error == {"kind": "ConnectionLost", "message": "the stream broke", "rule": None}


def test_nobody_reads_the_output() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "keygen"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from msgr.cli import main; sys.exit(main(['demo', '--json']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout.count("\n") == done.stderr.count("\n") == 1
    assert f"the command line needs {missing}" in done.stderr
    assert "pip install 'msgr[cli]'" in done.stderr


def test_a_broken_installation_is_not_taken_for_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgr.cli.app", None)
    with pytest.raises(ModuleNotFoundError, match=r"msgr\.cli\.app"):
        main(["demo"])
