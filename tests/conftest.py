"""Settings of the whole suite."""

from hypothesis import settings

# The same examples on every machine, and no verdict on a slow one.
settings.register_profile("tengen", deadline=None, derandomize=True, database=None)
settings.load_profile("tengen")
