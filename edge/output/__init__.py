"""Names burned into pictures: a file, RTSP, a display."""
