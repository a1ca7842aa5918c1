"""What can go wrong, by who has to catch it: one root, and a class only where one is caught."""

from __future__ import annotations


class HermesSuperviseError(Exception):
    """The root of every error that is ours; its text is a sentence for people."""


class PlanError(HermesSuperviseError):
    """A compiled plan is of another format, or damaged."""


class ControlError(HermesSuperviseError):
    """The supervisor could not be asked, or said no."""


class NotRunning(ControlError):  # noqa: N818 - a state of the world, named as people say it
    """Nobody listens where the supervisor should be."""


class TimedOut(ControlError):  # noqa: N818 - as above
    """The time for waiting ran out; nothing is known about the request."""


class ConnectionLost(ControlError):  # noqa: N818 - as above
    """The connection ended before the answer was whole."""


class BadReply(ControlError):  # noqa: N818 - as above
    """What came back is no message of the control protocol."""


class RemoteError(ControlError):
    """The supervisor answered with an error: a code of ``control/protocol.py`` and its data."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class StoreError(HermesSuperviseError):
    """The state on disk cannot be read or written; what is said names the file."""
