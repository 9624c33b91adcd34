"""Faces: one face followed from frame to frame, for whoever needs it."""
