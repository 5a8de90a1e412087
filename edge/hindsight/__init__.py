"""Hindsight: what a track is named when others of the same person are known, too."""
