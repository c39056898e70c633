"""Sessions over real sockets and other streams, on asyncio and trio."""
