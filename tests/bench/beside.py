"""Would large messages be faster if they were encrypted beside the loop? `python -m tests.bench.beside`.

A sender encrypts messages of 4 MiB and writes them: in turn, or with a thread that encrypts one while the one before is
written (both let go of the interpreter's lock). The other process decrypts what comes, or throws it away unread, as if
it had a core to itself. There is no protocol in it, so it shows the most that could be gained.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SIZE: Final = 4 << 20
_TAG: Final = 16
_BUFFERS: Final = 3
_NONCE: Final = bytes(12)
_KEY: Final = bytes(16)
"""Nothing is secret here; what counts is the work."""


def main() -> None:
    """Measure, and print the medians and the ratio of each case."""
    arguments = argparse.ArgumentParser(description="Encrypt large messages in turn with writing them, or beside.")
    arguments.add_argument("--repeat", type=int, default=7, help="How many runs of each, interleaved.")
    arguments.add_argument("--count", type=int, default=200, help="Messages in a run.")
    arguments.add_argument("--serve", choices=("decrypt", "discard"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.serve:
        _receive(decrypt=options.serve == "decrypt")
        return
    for case in ("decrypt", "discard"):
        runs = [
            (_run(case, options.count, beside=False), _run(case, options.count, beside=True))
            for _ in range(options.repeat)
        ]
        turn, beside = (median(run[place] for run in runs) for place in (0, 1))
        ratio = median(run[1] / run[0] for run in runs)
        print(f"{case:8} in turn {turn:5.2f} GB/s  beside {beside:5.2f} GB/s  ratio {ratio:.2f}")


@contextmanager
def _receiver(case: str) -> Iterator[socket.socket]:
    """Start the other process, and hold a connection to it."""
    command = [sys.executable, "-m", "tests.bench.beside", "--serve", case]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with socket.create_connection(("127.0.0.1", json.loads(process.stdout.readline()))) as connected:
            yield connected


def _receive(*, decrypt: bool) -> None:
    aead, sealed, plain = AESGCM(_KEY), bytearray(SIZE + _TAG), bytearray(SIZE)
    view = memoryview(sealed)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        os.write(sys.stdout.fileno(), json.dumps(listening.getsockname()[1]).encode() + b"\n")
        connected, _ = listening.accept()
    with connected:
        while True:
            got = 0
            while got < len(sealed):
                flags = 0 if decrypt else socket.MSG_TRUNC
                came = connected.recv_into(view[got:], len(sealed) - got, flags)
                if not came:
                    return
                got += came
            if decrypt:
                aead.decrypt_into(_NONCE, sealed, None, plain)


def _run(case: str, count: int, *, beside: bool) -> float:
    """Return how many gigabytes a second were sent."""
    with _receiver(case) as connected:
        seal = _Sealing(count)
        begin = perf_counter()
        for sealed in seal.beside() if beside else seal.in_turn():
            connected.sendall(sealed)
        return count * SIZE / (perf_counter() - begin) / 1e9


class _Sealing:
    """Messages that are encrypted into a few buffers, each of which is free again when the next one is asked for."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._aead = AESGCM(_KEY)
        self._plain = os.urandom(SIZE)
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(bytearray(SIZE + _TAG))

    def _next(self) -> bytearray:
        sealed = self._free.get()
        self._aead.encrypt_into(_NONCE, self._plain, None, sealed)
        return sealed

    def in_turn(self) -> Iterator[bytearray]:
        """Encrypt each message when it is asked for."""
        for _ in range(self._count):
            sealed = self._next()
            yield sealed
            self._free.put(sealed)

    def beside(self) -> Iterator[bytearray]:
        """Encrypt in a thread, as far ahead as there are buffers."""
        ready: SimpleQueue[bytearray] = SimpleQueue()

        def work() -> None:
            for _ in range(self._count):
                ready.put(self._next())

        thread = Thread(target=work)
        thread.start()
        for _ in range(self._count):
            sealed = ready.get()
            yield sealed
            self._free.put(sealed)
        thread.join()


if __name__ == "__main__":
    main()
