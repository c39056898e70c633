"""What sends and counts messages."""
