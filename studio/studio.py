"""The one object that the page, the command line and a script talk to."""

from studio.verbs.growing import Growing
from studio.verbs.releasing import Releasing


class Studio(Growing, Releasing):
    """The verbs of instruction tuning over one home folder; keeps no state but that folder.

    Home, Making, Curating, Estimating, Tuning, Measuring, Advising, Chatting, Gathering, Judging,
    Growing, Releasing: each in a module of `studio.verbs`, in the order of the loop.
    """
