"""What README.md shows of a real cluster is true."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.house.readme import README, Block, commands
from tests.lab import Cluster
from tests.lab.fixtures import only_release

TEXT: Final = README.read_text("utf-8")

pytestmark = [pytest.mark.ceph, only_release("16.2")]


def block(language: str) -> str:
    """Return the block of a language that is marked to need a cluster."""
    found = re.search(rf"^```{language} cluster\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def home(tmp_path: Path, ceph_shared: Callable[..., Cluster]) -> tuple[Path, str]:
    """Return a directory with the keyring of a cluster, and its monitor's address."""
    cluster = ceph_shared(managers=1, osds=1)
    (tmp_path / "keyring").write_bytes(Path(cluster.keyring).read_bytes())
    return tmp_path, cluster.addresses["mon.a"]


def test_python(home: tuple[Path, str]) -> None:
    directory, address = home
    code = block("python").replace("v2:127.0.0.1:3300", address)
    done = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    fsid, version = done.stdout.splitlines()
    assert re.fullmatch(r"[0-9a-f-]{36} HEALTH_\w+", fsid)
    assert re.fullmatch(r"0 16\.2\.\d+", version)


def test_commands(home: tuple[Path, str]) -> None:
    directory, address = home
    shown = list(commands(Block("console", 0, block("console"))))
    assert len(shown) == 3
    for command in shown:
        words = [address if word == "v2:127.0.0.1:3300" else word for word in command.words()]
        done = subprocess.run(
            [sys.executable, "-m", "msgr", *words], cwd=directory, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
        if "health" in words:  # whose health is another one in a cluster that has just begun
            assert done.stdout.startswith("HEALTH_")
        else:
            assert command.missing(done.stdout) == [], done.stdout
