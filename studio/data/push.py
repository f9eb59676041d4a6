"""A dataset on its way to the Hugging Face Hub, with its card, in one commit."""

import os
import re
import tempfile
from pathlib import Path

from studio.data.dataset import Dataset
from studio.data.exports import write_repository
from studio.errors import DatasetError

REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


def push(dataset: Dataset, repository: str, *, private: bool = True) -> str:
    """Put the dataset into a repository OWNER/NAME of the Hub, made if need be; its address.

    The token is that of the environment or of `hf auth login`, and is never asked for here.
    DatasetError says what the Hub refuses.
    """
    if not REPOSITORY.fullmatch(repository) or ".." in repository:
        raise DatasetError(f"'{repository[:80]}' is no repository; write OWNER/NAME.")
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    with tempfile.TemporaryDirectory() as workshop:
        write_repository(dataset, Path(workshop))
        try:
            made = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
            api.upload_folder(
                folder_path=workshop,
                repo_id=repository,
                repo_type="dataset",
                commit_message=f"{dataset.card.name}, {dataset.id}",
            )
        except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
            raise DatasetError(
                f"{repository} was not pushed: {reason}. Sign in with `hf auth login` or set "
                "HF_TOKEN to a token that may write, and check the network."
            ) from error
    return str(made)
