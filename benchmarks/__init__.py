"""Benchmarks: `tengen bench NAME`.

A benchmark's module has `add_arguments(parser)` and `run(args)`, which returns its figures: `ratio` (search
over bare network, or ours over the peer), `per_second`, `seconds`, `bytes`, and whatever else it counts.
"""

#: Name -> "module:function", imported when asked for.
BENCHES = {
    "rules": "tengen.benchmarks.rules:run",
}
