"""Search over templates: exact int8 scan, binary sketch, optional graph."""
