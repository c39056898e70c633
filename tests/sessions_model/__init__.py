"""Two messengers without sockets, joined by streams that a test pumps and cuts."""
