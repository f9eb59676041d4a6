"""A base is found by name, and nothing that could run code passes the gate."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from studio.errors import ModelError
from studio.models.catalogue import STARTER, find_base
from studio.models.gate import check_adapter
from studio.seal import seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of its own, copied from the starter."""
    copy = tmp_path / "model"
    copy.mkdir()
    for pattern in ("*.json", "*.safetensors", "*.jinja"):
        for path in STARTER.glob(pattern):
            shutil.copy(path, copy)
    return copy


def change_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_starter_is_a_base_and_so_is_its_copy(folder: Path) -> None:
    starter, copy = find_base("starter"), find_base(str(folder))
    assert starter.folder == STARTER
    assert starter.fingerprint == copy.fingerprint
    change_config(folder, rope_theta=123.0)
    assert find_base(str(folder)).fingerprint != starter.fingerprint


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "no such name", "../x"])
def test_a_missing_folder_is_one_clear_sentence(name: str) -> None:
    with pytest.raises(ModelError, match="There is no model folder"):
        find_base(name)


def test_a_hub_id_that_cannot_be_had_says_what_to_check() -> None:
    with pytest.raises(ModelError, match="Check the name, the network"):
        find_base("nobody/nothing@main")
    with pytest.raises(ModelError, match="not on this machine yet"):
        find_base("nobody/nothing", download=False)


def test_a_hub_id_in_the_local_cache_is_found_offline(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    commit = "0" * 40
    snapshot = cache / "models--me--mine" / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    assert find_base("me/mine").folder == snapshot
    assert find_base(f"me/mine@{commit}", download=False).fingerprint


@pytest.mark.parametrize(
    "fields",
    [
        {"auto_map": {"AutoModel": "evil.py"}},
        {"_attn_implementation_internal": "evil/kernel"},
        {"nested": {"trust_remote_code": True}},
    ],
)
def test_a_configuration_that_names_code_is_refused(
    folder: Path, fields: dict[str, object]
) -> None:
    change_config(folder, **fields)
    with pytest.raises(ModelError, match="never runs code"):
        find_base(str(folder))


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no safetensors weights"):
        find_base(str(folder))


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_a_broken_configuration_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        find_base(str(folder))


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made_for.json").write_text('{"base": "other", "base_fingerprint": "x"}')
    with pytest.raises(ModelError, match="made for 'other', another base"):
        check_adapter(tmp_path, find_base("starter").fingerprint)
    with pytest.raises(ModelError, match="no finished adapter"):
        check_adapter(tmp_path / "nowhere", "x")


def lora(folder: Path, *, rank: int, claimed: int) -> Path:
    """An adapter's folder, sealed."""
    from safetensors.numpy import save_file

    folder.mkdir()
    shapes = {"x.lora_A.weight": (rank, 8), "x.lora_B.weight": (8, rank)}
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": claimed}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    made_for = {"base": "b", "base_fingerprint": "f", "files": seal(folder)}
    (folder / "made_for.json").write_text(json.dumps(made_for))
    return folder


def test_an_adapter_is_used_as_it_was_finished_or_not_at_all(tmp_path: Path) -> None:
    folder = lora(tmp_path / "good", rank=4, claimed=4)
    assert check_adapter(folder, "f")["r"] == 4
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace("4", "8"))
    with pytest.raises(ModelError, match="adapter_config.json holds other bytes"):
        check_adapter(folder, "f")
    config.unlink()
    with pytest.raises(ModelError, match="adapter_config.json is missing"):
        check_adapter(folder, "f")
    (folder / "made_for.json").write_text('{"base_fingerprint": "f", "files": {"a": 3}}')
    with pytest.raises(ModelError, match="made_for.json cannot be read"):
        check_adapter(folder, "f")


def test_an_adapter_of_another_rank_than_it_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="rank 4, and its configuration says 8"):
        check_adapter(lora(tmp_path / "wrong", rank=4, claimed=8), "f")
