"""The cloud's side of gallery updates: keys, signed metadata, files, broker, fleet."""
