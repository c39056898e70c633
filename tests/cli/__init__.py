"""The command `msgr`: what it prints, and how it ends."""
