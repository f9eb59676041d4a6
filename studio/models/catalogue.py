"""Where a base lies: the starter that ships, a local folder, or a Hub id at a revision."""

import hashlib
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from studio.errors import ModelError
from studio.models.gate import check_folder

STARTER = Path(__file__).parent / "starter"
# What is downloaded of a Hub repository: no code, no pickles.
WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


class Base(BaseModel):
    """A base that has passed the gate: its name as a person gave it, and where it lies."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """As in a recipe: starter, a folder, or a Hub id."""
    folder: Path
    """Configuration, tokenizer and safetensors weights."""
    fingerprint: str
    """First 16 hex digits of the SHA-256 over configuration, tokenizer and weight headers."""
    hidden_size: int
    """Width of the model; the learning-rate formula needs it."""
    layers: int
    """Number of transformer layers."""


def find_base(name: str, *, download: bool = True) -> Base:
    """The base a recipe names, fetched from the Hub if need be; raises ModelError.

    With `download` off only what lies on this machine already is found; workers never download.
    """
    folder = locate(name, download=download)
    config = check_folder(folder)
    return Base(
        name=name,
        folder=folder,
        fingerprint=_fingerprint(folder),
        hidden_size=_number(config, "hidden_size", name),
        layers=_number(config, "num_hidden_layers", name),
    )


def locate(name: str, *, download: bool) -> Path:
    """The folder of a base, fetched from the Hub if allowed; nothing in it is checked yet."""
    if name == "starter":
        return STARTER
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")) or not HUB_ID.fullmatch(name):
        raise ModelError(
            f"There is no model folder {name!r}. Give the folder of a model, "
            "a Hub id such as org/name, or starter."
        )
    return _from_hub(name, download=download)


def _from_hub(name: str, *, download: bool) -> Path:
    """The snapshot of a Hub repository in the Hub's own cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    options: dict[str, Any] = {"revision": revision or None, "allow_patterns": WANTED}
    try:
        return Path(snapshot_download(repository, local_files_only=True, **options))
    except LocalEntryNotFoundError as error:
        if not download:
            raise ModelError(
                f"{name} is not on this machine yet; start the run from the page or the "
                "command line once, which downloads it."
            ) from error
    try:
        return Path(snapshot_download(repository, **options))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{name} is neither a folder here nor to be had from the Hub ({reason}). "
            "Check the name, the network, and for gated models the sign-in."
        ) from error


def _number(config: dict[str, Any], field: str, name: str) -> int:
    value = config.get(field)
    if not isinstance(value, int) or value <= 0:
        raise ModelError(f"{name}: config.json has no usable {field}; it is not a language model.")
    return value


def _fingerprint(folder: Path) -> str:
    """Tells two bases apart without reading gigabytes: small files whole, weights by header."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja", ".model", ".txt"):
            digest.update(path.name.encode() + path.read_bytes())
        elif path.suffix == ".safetensors":
            with path.open("rb") as file:
                digest.update(path.name.encode() + str(path.stat().st_size).encode())
                digest.update(file.read(1 << 16))
    return digest.hexdigest()[:16]
