"""Throw-away Ceph clusters on loopback, for the tests that need a real peer."""

from __future__ import annotations

from .cluster import Cluster
from .process import LabError
from .settings import Auth, KeyType, Modes, Settings

__all__ = ["Auth", "Cluster", "KeyType", "LabError", "Modes", "Settings"]
