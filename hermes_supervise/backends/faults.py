"""Why a process could not be made, in a sentence for the person who has to mend it."""

from __future__ import annotations

import errno
import os

from hermes_supervise.model.spec import Launch


def find_executable(launch: Launch, path: str) -> str | None:
    """
    Return the file that the program's first word names, None if PATH has none.

    A word with a slash is taken from the program's directory; any other is looked up in the PATH
    that the program will get.
    """
    word = launch.argv[0]
    if "/" in word:
        return os.path.join(launch.directory, word)
    for folder in path.split(os.pathsep):
        candidate = os.path.join(launch.directory, folder or ".", word)
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return candidate
    return None


def not_found(launch: Launch) -> str:
    """Say that the command is nowhere."""
    return f"no such file: {launch.argv[0]} (looked in PATH of the program)"


def spawn_error(step: str, code: int, launch: Launch, executable: str) -> str:
    """
    Say why the spawn failed.

    Args:
        step: directory, log, user, cgroup, fork or exec.
        code: The errno of that step.
        launch: What was to be started.
        executable: The file that was to be run.
    """
    why = os.strerror(code).lower()
    match step:
        case "directory" if code == errno.ENOENT:
            return f"no such directory: {launch.directory}"
        case "directory":
            return f"cannot enter directory {launch.directory}: {why}"
        case "log" if code == errno.ELOOP:
            return f"the log {launch.logs.path} is a symbolic link; write the real path"
        case "log" if code == errno.ENXIO:
            return f"the log {launch.logs.path} is a pipe that nobody reads"
        case "log":
            return f"cannot open the log {launch.logs.path}: {why}"
        case "user":
            user = launch.user.name if launch.user else "?"
            return f"cannot become user {user}: {why}"
        case "cgroup":
            return f"cannot enter the program's cgroup: {why}"
        case "fork":
            return f"cannot make a process: {why} (a limit on processes or memory is reached)"
        case _:
            return _exec_error(code, executable, why)


def _exec_error(code: int, executable: str, why: str) -> str:
    if code == errno.ENOENT and os.path.exists(executable):
        return f"{executable}: the interpreter named in its first line does not exist"
    if code == errno.ENOENT:
        return f"no such file: {executable}"
    if code == errno.EACCES:
        return f"permission denied: {executable} (is it an executable file?)"
    if code == errno.EAGAIN:
        return f"cannot run {executable}: {why} (its user has too many processes)"
    if code == errno.ENOEXEC:
        return f"{executable} is no program (a script needs a first line with #!)"
    return f"cannot run {executable}: {why}"
