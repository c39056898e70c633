"""`msgr mon` where there is no cluster."""

from __future__ import annotations

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


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from msgr.cli import main; sys.exit(main(['mon', 'status']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'msgr[cli]'" in done.stderr
