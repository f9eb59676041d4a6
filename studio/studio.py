"""The one object that the page, the command line and a script talk to."""

from studio.verbs.judging import Judging


class Studio(Judging):
    """The verbs of instruction tuning over one home folder; keeps no state but that folder.

    Home, Making, Curating, Tuning, Measuring, Chatting, Gathering, Judging: each in a module of
    `studio.verbs`, in the order of the loop.
    """
