"""Depth: brought to the picture's view, estimated from pictures, fused with mattes, and shown."""
