"""The bench of faces: how well one is followed, and what is made of it."""
