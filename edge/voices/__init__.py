"""Voices: enrolled from sound, compared with what is heard, a cue for the face that speaks."""
