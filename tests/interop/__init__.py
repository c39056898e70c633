"""Conversations with real Ceph monitors."""
