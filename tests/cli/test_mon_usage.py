"""`msgr mon` where there is no cluster."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .run import ENVIRONMENT, LIMIT, Msgr


def test_nobody_there(msgr: Msgr, keyring: Path) -> None:
    nobody = "v2:127.0.0.1:1,v2:127.0.0.1:2"
    done = msgr("mon", "-m", nobody, "--keyring", str(keyring), "--json", "status")
    assert (done.code, done.error["kind"]) == (3, "ConnectFailed")


def test_no_monitors_and_no_file(msgr: Msgr, tmp_path: Path) -> None:
    done = msgr("mon", "-c", str(tmp_path / "none.conf"), "--json", "status")
    assert (done.code, done.error["kind"]) == (2, "ConfigError")
    assert msgr("mon", "-m", "here", "status").code == 2


def conf(path: Path, *lines: str) -> str:
    """Write a ceph.conf."""
    path.write_text("\n".join(("[global]", *lines, "")))
    return str(path)


def test_a_monitor_that_says_nothing(msgr: Msgr, keyring: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"mon host = v2:127.0.0.1:{silent.getsockname()[1]}"
        path = conf(tmp_path / "ceph.conf", where, "client mount timeout = 1")
        done = msgr("mon", "-c", path, "--keyring", str(keyring), "--json", "status")
    assert (done.code, done.error["kind"]) == (3, "ConnectFailed")
    assert "within 1 s (client_mount_timeout)" in done.error["message"]


@pytest.mark.parametrize("option", ["ms_mon_client_mode", "ms_client_mode", "client_mount_timeout"])
def test_options_that_make_no_sense(msgr: Msgr, tmp_path: Path, option: str) -> None:
    path = conf(tmp_path / "ceph.conf", "mon host = v2:127.0.0.1:1", "auth client required = none", f"{option} = mush")
    done = msgr("mon", "-c", path, "--json", "status")
    assert (done.code, done.error["kind"], done.error["rule"]) == (2, "ConfigError", "CONF-6")
    assert option in done.error["message"]


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from msgr.cli import main; sys.exit(main(['mon', 'status']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'msgr[cli]'" in done.stderr
