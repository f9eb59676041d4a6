"""The web app, on this machine and on a Hugging Face Space: `python app.py [--port 7860]`."""

import argparse
import sys

from studio import Studio, StudioError


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until it is interrupted."""
    parser = argparse.ArgumentParser(description="Serve Instruct Studio's page.")
    parser.add_argument("--host", help="address to listen on (127.0.0.1, or 0.0.0.0 on a Space)")
    parser.add_argument("--port", type=int, help="port to listen on (7860)")
    parser.add_argument("--home", help="folder of datasets and runs (or set STUDIO_HOME)")
    chosen = parser.parse_args(arguments)

    from studio.ui.server import serve

    try:
        serve(Studio(chosen.home), host=chosen.host, port=chosen.port)
    except StudioError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
