"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# The same examples on every machine, and no verdict on a slow one.
settings.register_profile(
    "tengen",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tengen")
