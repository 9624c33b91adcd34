"""What every test may use."""

from hypothesis import settings

# The same examples on every run; how long one takes depends on the machine and is no failure.
settings.register_profile("omote", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("omote")
