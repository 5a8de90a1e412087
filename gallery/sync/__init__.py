"""The device's side of gallery updates: signed, resumable, safe against a power cut."""
