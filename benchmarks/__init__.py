"""Benchmarks: `tengen bench NAME`.

A benchmark's module has `add_arguments(parser)` and `run(args)`, which returns its figures: `ratio` (search
over bare network, or ours over the peer), `per_second`, `seconds`, `bytes`, and whatever else it counts.
"""

#: Name -> "module:function", imported when asked for.
BENCHES = {
    "rules": "tengen.benchmarks.rules:run",
    "network": "tengen.benchmarks.network:run",
    "search": "tengen.benchmarks.search:run",
    "gpu-search": "tengen.benchmarks.gpu_search:run",
    "gpu-selfplay": "tengen.benchmarks.gpu_selfplay:run",
    "selfplay": "tengen.benchmarks.selfplay:run",
    "rollouts": "tengen.benchmarks.rollouts:run",
    "rollouts-many": "tengen.benchmarks.rollouts_many:run",
    "learner": "tengen.benchmarks.learner:run",
    "recovery": "tengen.benchmarks.recovery:run",
    "soak": "tengen.benchmarks.soak:run",
    "match": "tengen.benchmarks.match:run",
    "gtp": "tengen.benchmarks.gtp:run",
    "startup": "tengen.benchmarks.startup:run",
    "atari": "tengen.benchmarks.atari:run",
    "atari-loop": "tengen.benchmarks.atari_loop:run",
    "atari-memory": "tengen.benchmarks.atari_memory:run",
    "atari-worlds": "tengen.benchmarks.atari_worlds:compare_worlds",
    "memory": "tengen.benchmarks.memory:run",
    "replay": "tengen.benchmarks.replay:run",
    "ui": "tengen.benchmarks.ui:run",
    "minimax": "tengen.benchmarks.minimax:run",
    "evolution": "tengen.benchmarks.evolution:run",
    "population": "tengen.benchmarks.population:run",
    "evolved": "tengen.benchmarks.evolved:run",
    "recipe": "tengen.benchmarks.recipe:run",
}
