"""A film read as a film: few frames are looked at, and what they show holds for those between."""
