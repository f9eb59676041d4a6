"""The one object that the page, the command line and a script talk to."""

from studio.verbs.growing import Growing


class Studio(Growing):
    """The verbs of instruction tuning over one home folder; keeps no state but that folder.

    Home, Making, Curating, Estimating, Tuning, Measuring, Advising, Chatting, Gathering, Judging,
    Growing: each in a module of `studio.verbs`, in the order of the loop.
    """
