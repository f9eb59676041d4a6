"""Commands about servers elsewhere that answer in a lane of the chat."""

import click
from rich.table import Table

from studio.chat.endpoints import FILE
from studio.cli.console import as_json, show_json, show_table
from studio.studio import Studio


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def endpoints(context: click.Context, /, as_json: bool) -> None:
    """List the endpoints of endpoints.yaml; `endpoints check NAME` asks one of them."""
    if context.invoked_subcommand:
        return
    studio: Studio = context.obj
    found = studio.endpoints()
    if as_json:
        show_json([endpoint.model_dump(mode="json") for endpoint in found])
        return
    if not found:
        click.echo(f"No endpoint yet; name one in {studio.settings.home / FILE}, such as:\n")
        click.echo("big:\n  url: http://127.0.0.1:8000/v1\n  model: my-adapter\n  key_env: BIG_KEY")
        return
    table = Table("lane", "model", "url", "key from", "title", box=None)
    for endpoint in found:
        table.add_row(
            endpoint.lane, endpoint.model, endpoint.url, endpoint.key_env or "–", endpoint.title
        )
    show_table(table)


@endpoints.command()
@click.argument("name")
@as_json
@click.pass_obj
def check(studio: Studio, /, name: str, as_json: bool) -> None:
    """Ask the endpoint NAME for one token, and say what happened."""
    found = studio.check_endpoint(name)
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    click.echo(f"{found.name} answered in {found.seconds:g} seconds.")
    if found.models:
        click.echo(f"It names these models: {', '.join(found.models)}.")
    if not found.encrypted:
        click.echo("Its address begins with http: what travels there can be read on the way.")


COMMANDS = (endpoints,)
