"""Puppet: a face in a photograph, moved by a face in front of a camera."""
