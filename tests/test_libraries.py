"""What a process leaves out of its libraries nobody misses, and it is there when asked for."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

MEASURING = """
import gc, sys
from studio.engine.libraries import leanly
with leanly(measuring=True):
    from studio.engine.compare import compare
from studio.engine.load import Engine
from studio.models.catalogue import find_base
Engine(find_base("starter"), "qlora").prove_base()
print(gc.isenabled(), "torch._dynamo.config" in sys.modules, "scipy" in sys.modules)
import torch
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
print("torch._dynamo.config" in sys.modules)
import transformers.masking_utils
print(type(transformers.masking_utils.TransformGetItemToIndex()).__name__)
"""


def test_what_measures_has_the_compiler_only_when_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURING], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "True False False", "2.0", "True", "TransformGetItemToIndex",
    ]  # fmt: skip
