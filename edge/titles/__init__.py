"""What plays: told by a request, a broadcast's tables, a file's tags or an NFO beside it."""
