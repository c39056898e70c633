"""The releases of Ceph that tests meet, where they are, and how a program of each is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

ReleaseName: TypeAlias = Literal["16.2", "18.2"]
RELEASES: Final[tuple[ReleaseName, ...]] = get_args(ReleaseName)

TREE: Final = "MSGR_CEPH_18"
"""The environment variable that names the directory of the 18.2 tree, as `tests/lab/tree.sh` makes it."""

# The tree sees this machine's processes, devices and temporary files. The mounts are those of one process, and end with
# it whatever ends it. As chroot is the last of a chain of exec, the process id is that of the program.
_ENTER: Final = """
tree=$1 temporary=$2; shift 2
mkdir -p "$tree$temporary"
for directory in /proc /dev "$temporary"; do mount --rbind "$directory" "$tree$directory" || exit; done
exec chroot "$tree" "$@"
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One release: installed on this machine, or in a directory tree of its own."""

    name: ReleaseName
    tree: Path | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs a program of this release; what is in the temporary directory it sees."""
        if self.tree is None:
            return list(argv)
        rights = [] if os.geteuid() == 0 else ["--map-root-user"]
        own = ["unshare", "--mount", *rights, "sh", "-c", _ENTER, "sh", str(self.tree), tempfile.gettempdir()]
        return [*own, *argv]

    def missing(self) -> str | None:
        """Return the reason why nothing of this release can run here, None if it can."""
        return _missing(self)


def find_release(name: ReleaseName) -> Release:
    """Return where a release is; whether it really is there, `missing` tells."""
    return Release(name, None if name == RELEASES[0] else Path(os.environ.get(TREE) or os.devnull))


@cache
def _missing(release: Release) -> str | None:
    if release.tree is None:
        if shutil.which("ceph-mon") is None:
            return "no ceph-mon on the PATH (Debian: apt-get install --no-install-recommends ceph-mon ceph-common)"
    elif not release.tree.is_dir():
        return f"no Ceph {release.name}: {TREE} must name a directory that tests/lab/tree.sh made"
    try:
        done = subprocess.run(
            release.command(["ceph-mon", "--version"]), capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Ceph {release.name} does not run: {error}"
    if done.returncode:
        return f"Ceph {release.name} does not run: {done.stderr.strip() or done.returncode}"
    if not done.stdout.startswith(f"ceph version {release.name}."):
        return f"this is not Ceph {release.name}: {done.stdout.strip()}"
    return None
