"""The engine's libraries, imported without what is never used here."""

import gc
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

INDEXING = "torch._dynamo._trace_wrapped_higher_order_op"


@contextmanager
def leanly(*, measuring: bool = False) -> Iterator[None]:
    """What is imported inside comes without a compiler and without SciPy: two seconds sooner.

    bitsandbytes has torch compile four functions as it is imported, which brings in all of
    torch's compiler; refused, it keeps them as they are written, and nothing of ours calls them.
    transformers reads SciPy for the losses of object detectors. Where a process does nothing but
    measure, what is left that asks for the compiler, or for models that lie on several machines,
    goes without as well. Nothing of what is imported is ever garbage, so that it is not looked
    for, now or later.
    """
    gc.disable()
    import torch
    import transformers
    from transformers.utils import import_utils

    with ExitStack() as changes:
        changes.callback(gc.enable)
        changes.callback(gc.freeze)
        changes.enter_context(_exchanged(torch, compile=_refuse))
        changes.enter_context(_exchanged(transformers.utils, is_scipy_available=_no))
        if measuring:
            for module in (transformers.utils, import_utils):
                changes.enter_context(_exchanged(module, is_torch_distributed_available=_no))
            changes.enter_context(_exchanged(torch.compiler, disable=_leave))
            changes.enter_context(_without_indexing())
        yield


@contextmanager
def _exchanged(module: ModuleType, **names: Any) -> Iterator[None]:
    before = {name: getattr(module, name) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(before)


@contextmanager
def _without_indexing() -> Iterator[None]:
    """transformers imports a class of the compiler for masks of a kind that no lane has.

    It comes when it is first made, and the module when something else of it is asked for.
    """
    if INDEXING in sys.modules:
        yield
        return
    stand_in: Any = ModuleType(INDEXING)

    def bring(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(INDEXING) is stand_in:
            del sys.modules[INDEXING]
        return getattr(import_module(INDEXING), name)

    stand_in.TransformGetItemToIndex = lambda: bring("TransformGetItemToIndex")()
    stand_in.__getattr__ = bring
    sys.modules[INDEXING] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(INDEXING) is stand_in:
            del sys.modules[INDEXING]


def _refuse(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("nothing is compiled while the libraries are imported")


def _leave(function: Any = None, *_arguments: Any, **_options: Any) -> Any:
    """A function that must not be compiled, as it is; without one, what leaves it as it is."""
    return _leave if function is None else function


def _no() -> bool:
    return False
