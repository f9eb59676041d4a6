"""What the page never serves."""

from studio import Studio
from studio.settings import Settings
from studio.ui.server import private_folders


def test_no_folder_of_the_home_is_forgotten_among_those_never_served(studio: Studio) -> None:
    named = [name for name, one in vars(Settings).items() if isinstance(one, property)]
    folders = {str(getattr(studio.settings, name)) for name in named}
    assert len(folders) > 10
    assert folders <= set(private_folders(studio))
