"""Effects that only tests know; `tests.probe` makes them known."""
