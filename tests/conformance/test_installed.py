"""What the checker needs beside its code is in the wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
NEEDED: Final = {
    "msgr/spec/rules.toml",
    "msgr/conformance/exceptions/ceph-16.toml",
    "msgr/conformance/exceptions/ceph-18.toml",
    "msgr/conformance/page/page.css",
    "msgr/conformance/page/page.js",
}
SCRIPT: Final = """
import sys
sys.path.insert(0, sys.argv[1])
import msgr
assert msgr.__file__.startswith(sys.argv[1]), msgr.__file__
from msgr.conformance import Role, all_cases, deviations_of, rule_texts, shipped
assert len(rule_texts()) > 150
assert [deviations_of(name).peer for name in shipped()] == ["ceph-16", "ceph-18"]
print(len(all_cases(Role.SERVER)), len(all_cases(Role.CLIENT)))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*pip, "--wheel-dir", str(folder), str(ROOT)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("msgr-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_has_rules_exceptions_and_page(wheel: Path) -> None:
    assert set(ZipFile(wheel).namelist()) >= NEEDED


@pytest.mark.slow
def test_an_installed_checker_finds_them(wheel: Path, tmp_path: Path) -> None:
    ZipFile(wheel).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(int(count) >= 120 for count in done.stdout.split())
