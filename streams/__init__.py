"""Frames and the ways they come and go: sources, WebRTC media, decoders, encoders."""
