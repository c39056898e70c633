"""`--compress`: what two ends of the command agree on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from .run import Msgr, serving


@pytest.mark.parametrize(
    ("theirs", "ours", "agreed"), [("zstd", "zstd", "zstd"), ("lz4", "zstd", None), (None, "snappy", None)]
)
def test_ping_tells_what_was_agreed(
    msgr: Msgr, keyring: Path, theirs: str | None, ours: str, agreed: str | None
) -> None:
    options = ("--compress", theirs) if theirs else ()
    with serving("--keyring", str(keyring), *options) as served:
        command = ("ping", served.address, "--keyring", str(keyring), "--count", "1", "--compress", ours)
        done = msgr(*command, "--json")
        assert (done.code, done.document["compression"]) == (0, agreed)
        assert f", compression {agreed or 'refused'}\n" in msgr(*command).out
        assert served.stop(signal.SIGTERM).code == 0


def test_an_algorithm_that_does_not_exist(msgr: Msgr) -> None:
    assert msgr("ping", "v2:127.0.0.1:1", "--compress", "zip").code == 2
