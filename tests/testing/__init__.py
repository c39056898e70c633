"""The helpers that are shipped for tests."""
