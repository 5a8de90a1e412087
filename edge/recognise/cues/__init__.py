"""Cues beside the face, as values, and what they make of a prior."""
