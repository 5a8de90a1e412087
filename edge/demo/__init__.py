"""The demonstration: a small gallery and a programme, composed on the user's machine."""
