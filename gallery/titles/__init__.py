"""Titles and their casts: read from NFO files, matched to the people of a gallery."""
