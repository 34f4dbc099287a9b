"""The compiler of torch is not loaded without need, and numbers near zero cost no more than others."""

import subprocess
import sys

import torch

from tengen.networks.threads import flushed_denormals

SCRIPT = """
import sys, torch
from tengen.networks.lean import spare_the_compiler
spare_the_compiler()
layer = torch.nn.Linear(3, 3)
optimizer = torch.optim.Adam(layer.parameters())
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo" not in sys.modules
before = layer.weight.detach().clone()
layer(torch.ones(2, 3)).sum().backward()
optimizer.step()
assert (before - layer.weight).abs().min() > 0
"""


def test_an_optimizer_is_made_without_the_compiler_and_works() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_decays_below_the_normal_numbers_is_zero_where_asked_for() -> None:
    def smallest() -> float:
        return float(torch.full((64,), 1e-30).mul(1e-9).max())

    assert smallest() > 0
    with flushed_denormals():
        assert smallest() == 0
    assert smallest() > 0
