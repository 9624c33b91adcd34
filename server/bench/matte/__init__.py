"""Mattes measured against clips whose alpha is known (`omote bench matte`)."""
