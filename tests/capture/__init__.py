"""Captures: files, TCP, conversations followed from outside, and the page that shows them."""
