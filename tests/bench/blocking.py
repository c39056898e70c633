"""What the two ends do, in programs that block: the same as in `talk.py`, word for word without the waiting."""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time

from .links import BlockingLink, BlockingTransport, Task
from .load import BYE, Accountant, Checker, Load, end_of, load_of, settle
from .talk import WARM, Figures, Memory, figures_of
from .works import Kind, Work


def answer(link: BlockingLink, work: Work) -> None:
    """Be the server at one connection, until the client says goodbye."""
    checker = Checker(load_of(work.size))
    accountant = Accountant(checker)
    echo = work.kind is Kind.ECHO
    memory = Memory(work)
    while True:
        message = link.receive()
        if len(message) == work.size:
            checker.check(message)
            if echo:
                link.send(message)
                link.flush()
        elif message == BYE:
            return
        else:
            link.send(accountant.answer(bytes(message), **memory.measured()))
            link.flush()


def ask(transport: BlockingTransport, task: Task, address: str) -> Figures:
    """Be the client, and return what was measured."""
    work = task.work
    load = load_of(work.size)
    with transport.connect(task, address) as link:
        if work.kind is Kind.ECHO:
            checker = Checker(load)
            _echo(link, load, checker, work, work.seconds * WARM)
            figures = _echo(link, load, checker, work, work.seconds)
        else:
            memory = Memory(work)
            warm = _stream(link, load, 0, work.seconds * WARM)
            figures = {**_stream(link, load, int(warm["count"]), work.seconds), **memory.measured()}
        link.send(BYE)
        link.flush()
    return figures


def _stream(link: BlockingLink, load: Load, first: int, seconds: float) -> Figures:
    messages, turns, stride, send = load.messages, len(load.messages), load.stride, link.send
    number = first
    cpu, begin = process_time(), perf_counter()
    until = begin + seconds
    while True:
        for _ in range(stride):
            send(messages[number % turns])
            number += 1
        if perf_counter() >= until:
            break
    count = number - first
    send(end_of(count))
    link.flush()
    account = settle(link.receive(), count)
    taken = perf_counter() - begin
    return figures_of(count, taken, process_time() - cpu, account)


def _echo(link: BlockingLink, load: Load, checker: Checker, work: Work, seconds: float) -> Figures:
    messages, turns, depth = load.messages, len(load.messages), work.depth
    first = number = checker.number
    singles: list[float] = []
    over = False
    cpu, begin = process_time(), perf_counter()
    asked = begin
    while True:
        while not over and number - checker.number < depth:
            link.send(messages[number % turns])
            number += 1
        if number == checker.number:
            break
        link.flush()
        checker.check(link.receive())
        now = perf_counter()
        if depth == 1:
            singles.append(now - asked)
            asked = now
        over = now - begin >= seconds
    count, taken, cpu = number - first, perf_counter() - begin, process_time() - cpu
    link.send(end_of(count))
    link.flush()
    figures = figures_of(count, taken, cpu, settle(link.receive(), count))
    return {**figures, "round_trip": median(singles)} if singles else figures
