"""Conversations after a script: any frames in any order, as each end would send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msgr.frame import Frame, FrameMode, Mode, Revision, crc_mode, secure_mode
from msgr.payload import AuthDone, Banner, Control, to_frame

SECRET: Final = bytes(range(64))


@dataclass(slots=True)
class Script:
    """Two ends that say what they are told to; side 0 is the client's."""

    revision: Revision = Revision.REV1
    secret: bytes = SECRET
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    modes: list[FrameMode] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modes = [crc_mode(self.revision), crc_mode(self.revision)]
        banner = Banner(supported=int(self.revision is Revision.REV1)).to_wire()
        self.pieces += [(0, banner), (1, banner)]

    def say(self, side: int, *payloads: Control | Frame) -> None:
        """Say frames, one after the other, in one piece each."""
        for payload in payloads:
            frame = payload if isinstance(payload, Frame) else to_frame(payload)
            self.raw(side, b"".join(self.modes[side].seal(frame)))
            if isinstance(payload, AuthDone) and payload.mode == Mode.SECURE:
                self.modes = [secure_mode(self.revision, self.secret, client=end == 0) for end in (0, 1)]

    def raw(self, side: int, data: bytes) -> None:
        """Send bytes."""
        self.pieces.append((side, data))

    def keys(self) -> str:
        """Return the key log."""
        return f"MSGR2_CONNECTION_SECRET * * {self.secret.hex()}\n"
