"""Conversations after a script: any frames in any order, as each end would send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msgr.frame import Frame, FrameMode, Mode, Revision, crc_mode, secure_mode
from msgr.payload import AuthDone, Banner, Control, NodeControl, to_frame
from msgr.wire import BannerFeature

SECRET: Final = bytes(range(64))


@dataclass(slots=True)
class Script:
    """Two ends that say what they are told to; side 0 is the client's."""

    revision: Revision = Revision.REV1
    secret: bytes = SECRET
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    modes: list[FrameMode] = field(default_factory=list)
    extended: tuple[bool, bool] = (False, False)
    """Whose banner has MSGR_EXT."""

    def __post_init__(self) -> None:
        self.modes = [crc_mode(self.revision), crc_mode(self.revision)]
        plain = int(self.revision is Revision.REV1)
        for side, extended in enumerate(self.extended):
            banner = Banner(supported=plain | (BannerFeature.MSGR_EXT if extended else 0))
            self.pieces.append((side, banner.to_wire()))

    def say(self, side: int, *payloads: Control | NodeControl | Frame) -> None:
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
