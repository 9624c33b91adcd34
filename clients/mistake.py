"""Mistake: what was typed cannot be done."""


class Mistake(Exception):
    """Nobody was asked; the message says what to write instead."""
