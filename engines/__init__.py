"""What happens to a frame: models, full-size pixels, effects."""
