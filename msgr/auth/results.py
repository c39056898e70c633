"""The result codes with which a server refuses: Linux's errno, negated, whatever the host's own numbers are."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Result(IntEnum):
    """A reason for AUTH_BAD_METHOD, as the wire has it."""

    EPERM = -1
    """The blob cannot be decoded."""
    EACCES = -13
    """Not you, not so, or not with that ticket; a peer is never told which."""
    EINVAL = -22
    """The request contradicts itself, or asks for what does not exist."""
    EOPNOTSUPP = -95
    """No such method here, or not in that mode."""
