"""Whether a chat unpacks 4 bits follows from base, device and free memory alone."""

import subprocess
import sys
from pathlib import Path

from studio.chat.precision import BYTES, SHARE, unpacked_bytes, unpacks
from studio.models.catalogue import find_base

STARTER = find_base("starter")
PLENTY = 1 << 40


def test_the_size_of_a_base_is_that_of_its_numbers() -> None:
    # The starter's file holds numbers of two bytes and a short header.
    file = (STARTER.folder / "model.safetensors").stat().st_size
    assert 0 < file - unpacked_bytes(STARTER.folder) / BYTES * 2 < 1 << 16


def test_a_base_is_unpacked_on_a_cpu_where_it_fits() -> None:
    assert unpacks(STARTER, "qlora", on_gpu=False, free=PLENTY)
    assert not unpacks(STARTER, "qlora", on_gpu=True, free=PLENTY)
    assert not unpacks(STARTER, "lora", on_gpu=False, free=PLENTY)
    just = int(unpacked_bytes(STARTER.folder) / SHARE)
    assert unpacks(STARTER, "qlora", on_gpu=False, free=just)
    assert not unpacks(STARTER, "qlora", on_gpu=False, free=just - 1)


def test_the_choice_needs_no_model_library() -> None:
    code = "import sys, studio.chat.precision; assert 'torch' not in sys.modules"
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
