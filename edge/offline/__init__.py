"""`identify`: a file from start to end."""
