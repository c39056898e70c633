"""Measurements against real Ceph."""
