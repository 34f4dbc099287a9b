"""torch's compiler is not loaded by those who do not compile."""

import subprocess
import sys

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
