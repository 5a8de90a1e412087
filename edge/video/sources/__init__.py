"""Decoders, each behind `edge.video.source.Source`."""
