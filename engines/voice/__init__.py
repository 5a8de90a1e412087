"""Voices: speech in sound, and whose it is like."""
