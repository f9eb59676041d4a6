"""The child process that turns Parquet files into a folder of `datasets`; see `data/exports.py`.

python -m studio.engine.write_dataset '{"train": "train.parquet"}' FOLDER
"""

import json
import sys
import tempfile

import datasets


def main() -> None:
    """Read the files that the first argument names by split, and save them to the second."""
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        splits = {
            side: datasets.Dataset.from_parquet(path, cache_dir=cache)
            for side, path in json.loads(sys.argv[1]).items()
        }
        datasets.DatasetDict(splits).save_to_disk(sys.argv[2])


if __name__ == "__main__":
    main()
