"""Enrolment of many people: from a catalogue of pictures to a release, in parts that survive."""
