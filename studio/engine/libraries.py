"""The engine's libraries, imported without what measuring never uses."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def leanly() -> Iterator[None]:
    """What is imported inside comes without a compiler and without SciPy: two seconds sooner.

    bitsandbytes has torch compile four functions as it is imported, which brings in all of
    torch's compiler; refused, it keeps them as they are written, and nothing of ours calls them.
    transformers reads SciPy for the losses of object detectors. Nothing of what is imported is
    ever garbage, so that it is not looked for, now or later.
    """
    gc.disable()
    import torch
    import transformers

    compile, has_scipy = torch.compile, transformers.utils.is_scipy_available
    torch.compile = _refuse
    transformers.utils.is_scipy_available = lambda: False
    try:
        yield
    finally:
        torch.compile = compile
        transformers.utils.is_scipy_available = has_scipy
        gc.freeze()
        gc.enable()


def _refuse(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("nothing is compiled while the libraries are imported")
