"""Plain values: what JSON can hold."""

import math
from collections.abc import Mapping
from typing import Any


def jsonable(value: Any) -> Any:
    """The value in JSON's types: arrays and tensors unpacked, NaN and infinities null, the rest as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):  # an array, a tensor or one of their scalars
        return jsonable(value.tolist())
    return str(value)
