"""The engine's libraries, imported without what measuring never uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers


@contextmanager
def leanly() -> Iterator[None]:
    """What is imported inside comes without a compiler and without SciPy: a second sooner.

    bitsandbytes has torch compile four functions as it is imported, which brings in all of
    torch's compiler; refused, it keeps them as they are written, and nothing of ours calls them.
    transformers reads SciPy for the losses of object detectors.
    """
    compile, has_scipy = torch.compile, transformers.utils.is_scipy_available
    torch.compile = _refuse
    transformers.utils.is_scipy_available = lambda: False
    try:
        yield
    finally:
        torch.compile = compile
        transformers.utils.is_scipy_available = has_scipy


def _refuse(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("nothing is compiled while the libraries are imported")
