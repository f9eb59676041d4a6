"""The engine's libraries, imported without what is never used here."""

import gc
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
INDEXING = f"{COMPILER}._trace_wrapped_higher_order_op"


@contextmanager
def leanly(*, measuring: bool = False) -> Iterator[None]:
    """What is imported inside comes without a compiler and without SciPy: two seconds sooner.

    bitsandbytes has torch compile four functions as it is imported, which brings in all of
    torch's compiler; refused, it keeps them as they are written, and nothing of ours calls them.
    transformers reads SciPy for the losses of object detectors. A process that does nothing but
    measure goes without the compiler altogether, and without models that lie on several machines:
    nearly a second more. Nothing of what is imported is ever garbage, so that it is not looked
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
            changes.enter_context(_exchanged(torch.distributed, is_available=_no))
            _leave_out_compiler()
        yield


@contextmanager
def _exchanged(module: ModuleType, **names: Any) -> Iterator[None]:
    before = {name: getattr(module, name) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(before)


def _leave_out_compiler() -> None:
    """From now on the compiler is there in name alone, until something of it is really used.

    torch and transformers mark functions for it, which changes nothing where nothing is compiled,
    and transformers wants a class of it for masks of a kind that no lane has.
    """
    if COMPILER in sys.modules:
        return
    compiler: Any = ModuleType(COMPILER)
    compiler.disable = compiler.allow_in_graph = compiler.assume_constant_result = _leave
    indexing: Any = ModuleType(INDEXING)
    stand_ins = {COMPILER: compiler, INDEXING: indexing}

    def bring(module: str, name: str) -> Any:
        if name.startswith("__") and (module, name) != (COMPILER, "__path__"):
            raise AttributeError(name)
        for each, stand_in in stand_ins.items():
            if sys.modules.get(each) is stand_in:
                del sys.modules[each]
        return getattr(import_module(module), name)

    indexing.TransformGetItemToIndex = lambda: bring(INDEXING, "TransformGetItemToIndex")()
    for name, stand_in in stand_ins.items():
        vars(stand_in)["__getattr__"] = partial(bring, name)
    sys.modules.update(stand_ins)


def _refuse(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("nothing is compiled while the libraries are imported")


def _leave(function: Any = None, *_arguments: Any, **_options: Any) -> Any:
    """A function that is marked, as it is; without one, what leaves it as it is."""
    return _leave if function is None else function


def _no() -> bool:
    return False
