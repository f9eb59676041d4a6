"""The gate every model folder and adapter passes before anything in it is loaded.

Weights come as safetensors only, configurations name no code, and an adapter must have been
made for the very base it is to be used with.
"""

import json
from pathlib import Path
from typing import Any

from studio.errors import ModelError
from studio.seal import find_flaw

# Keys of config.json with which a repository can make the libraries run or fetch code.
CODE_KEYS = ("auto_map", "custom_pipelines", "trust_remote_code")
CODE_PARTS = ("attn_implementation", "experts_implementation")
LARGEST_CONFIG = 1 << 20  # bytes
LARGEST_HEADER = 1 << 24  # bytes
ADAPTERS = ("LORA", "IA3", "PROMPT_TUNING", "WEIGHTS")
WEIGHTS = "adapter_model.safetensors"
MADE_FOR = "made_for.json"
FILES = "files"  # in it, the size and digest of every file beside it


def check_folder(folder: Path) -> dict[str, Any]:
    """The configuration of a model folder that may be loaded; raises ModelError."""
    config = _read_json(folder / "config.json", f"{folder} is not a model folder")
    for key in _keys(config):
        if key in CODE_KEYS or any(part in key for part in CODE_PARTS):
            raise ModelError(
                f"{folder}: config.json asks for code of its own ({key}); this studio never "
                "runs code from a model. Choose a model without it."
            )
    if not list(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} has no safetensors weights; other formats can run code and are not "
            "loaded. Convert it, or choose a repository with *.safetensors files."
        )
    if not (folder / "tokenizer.json").exists() and not (folder / "tokenizer.model").exists():
        raise ModelError(f"{folder} has no tokenizer.json; it cannot be used without a tokenizer.")
    return config


def check_adapter(folder: Path, base_fingerprint: str) -> dict[str, Any]:
    """The configuration of an adapter that belongs to this base; raises ModelError."""
    made_for = _read_json(folder / MADE_FOR, f"{folder} holds no finished adapter")
    if made_for.get("base_fingerprint") != base_fingerprint:
        raise ModelError(
            f"The adapter in {folder} was made for {made_for.get('base')!r}, another base than "
            "this one; use it with the base it was tuned on."
        )
    if not (folder / WEIGHTS).exists():
        raise ModelError(f"The adapter in {folder} has no {WEIGHTS}.")
    demand_whole(folder)
    config = _read_json(folder / "adapter_config.json", f"{folder} holds no finished adapter")
    kind = config.get("peft_type")
    if kind not in ADAPTERS:
        raise ModelError(
            f"The adapter in {folder} is of the kind {kind!r}; this studio loads those of the "
            f"kinds {', '.join(ADAPTERS)}."
        )
    if kind == "LORA":
        _check_ranks(folder, config)
    if kind == "PROMPT_TUNING":
        _check_soft_prompt(folder, config)
    if kind == "IA3" and not all(name.endswith(".ia3_l") for name in tensors(folder / WEIGHTS)):
        raise ModelError(f"The scales in {folder} are more than scales; tune again.")
    return config


def demand_whole(folder: Path) -> None:
    """ModelError if an adapter's files are not as they were when it was finished.

    Of one that was made before files were sealed nobody knows.
    """
    sealed = _read_json(folder / MADE_FOR, f"{folder} holds no finished adapter").get(FILES)
    try:
        flaw = find_flaw(folder, sealed or {})
    except (TypeError, ValueError, AttributeError):
        flaw = f"{MADE_FOR} cannot be read"
    if flaw:
        raise ModelError(
            f"The adapter in {folder} was damaged after it was finished: {flaw}. It is not used; "
            "start its run again."
        )


def _check_ranks(folder: Path, config: dict[str, Any]) -> None:
    """Every pair of matrices has the rank that the configuration names."""
    ranks = {
        shape[0 if ".lora_A." in name else 1]
        for name, shape in tensors(folder / WEIGHTS).items()
        if (".lora_A." in name or ".lora_B." in name) and len(shape) == 2
    }
    if ranks != {config.get("r")}:
        raise ModelError(
            f"The adapter in {folder} has matrices of rank {', '.join(map(str, sorted(ranks)))}, "
            f"and its configuration says {config.get('r')}; start its run again."
        )


def _check_soft_prompt(folder: Path, config: dict[str, Any]) -> None:
    """Its file holds the embeddings of its tokens and nothing else: the base stays as it is."""
    held = tensors(folder / WEIGHTS)
    size = config.get("num_virtual_tokens")
    shape = held.get("prompt_embeddings", [0])
    if set(held) != {"prompt_embeddings"} or len(shape) != 2 or shape[0] != size:
        raise ModelError(
            f"The soft prompt in {folder} is not {size} embeddings and nothing else; tune again."
        )


def tensors(path: Path) -> dict[str, list[int]]:
    """Name and shape of every tensor in a safetensors file, from its header; raises ModelError."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > LARGEST_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(size))
        return {name: one["shape"] for name, one in header.items() if name != "__metadata__"}
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} is no safetensors file: {error}.") from error


def _read_json(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ModelError(f"{path} is larger than {LARGEST_CONFIG} bytes; it is not loaded.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{otherwise}: {path.name} is missing.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object.")
    return content


def _keys(value: Any) -> list[str]:
    """Every key in nested JSON."""
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in _keys(inner))]
    if isinstance(value, list):
        return [key for inner in value for key in _keys(inner)]
    return []
