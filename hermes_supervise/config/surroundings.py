"""What a compile step may look at besides the file: environment, user, folder, user database."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from hermes_supervise.plan import places

PYTHON_VARIABLE = "HERMES_SUPERVISE_PYTHON"
"""``${HERMES_SUPERVISE_PYTHON}``: the interpreter that runs us, for our examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    Where a file is compiled.

    ``config`` is the absolute path of the file, links not followed; ``folder`` its folder;
    ``home`` is that of the user *uid* who runs the supervisor.
    """

    config: str
    folder: str
    environ: Mapping[str, str]
    uid: int
    home: str
    layout: str

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable, None where it is not set."""
        found = self.environ.get(name)
        if found is None and name == PYTHON_VARIABLE:
            return sys.executable or "python3"
        return found


def surroundings(path: str, environ: Mapping[str, str], uid: int, layout: str) -> Surroundings:
    """Return the surroundings of the file at *path*, which need not exist."""
    config = os.path.abspath(path)
    return Surroundings(
        config=config,
        folder=os.path.dirname(config),
        environ=environ,
        uid=uid,
        home=places.home_folder(environ, uid),
        layout=layout,
    )


class UnknownHome(Exception):  # noqa: N818 - carried to the one place that reports it
    """A path begins with ``~name``, which is not a promise of ours."""


def absolute(path: str, base: str, home: str) -> str:
    """
    Return *path* as an absolute path: ``~`` is *home*, a relative path is below *base*.

    ``..`` is left for the kernel to follow: the folder before it may be a link.

    Raises:
        UnknownHome: the path begins with ``~`` and a name.
    """
    if path.startswith("~"):
        if path != "~" and not path.startswith("~/"):
            raise UnknownHome(path)
        path = home + path[1:]
    joined = os.path.join(base, path)
    return joined if ".." in path else os.path.normpath(joined)
