"""Keeping torch small: what is loaded for its compiler only is left out until the compiler is asked for."""

import torch


def spare_the_compiler() -> None:
    """Let optimizers be made without torch._dynamo, which takes 160 MB and seconds to import.

    Some methods of torch's optimizers are wrapped so that torch.compile leaves them alone; the wrapper
    imports the compiler when first called. It keeps what it found on the function, and here it finds the
    function itself. Has no effect on torch versions that do otherwise, nor on training that is compiled.
    """
    for method in vars(torch.optim.Optimizer).values():
        original = getattr(method, "__wrapped__", None)
        code = getattr(method, "__code__", None)
        if original is not None and code is not None and "disable_fn" in code.co_varnames:
            original.__dict__.setdefault("__dynamo_disable", original)
