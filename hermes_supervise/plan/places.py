"""
Where state, socket and address file of a supervisor lie when the configuration does not say.

Pure but for the look at symbolic links: nothing is made or opened here.  ``ctl`` imports this
room at every start, so it imports only ``os`` and ``hashlib``.  Which layout of folders a host
has is the caller's knowledge, handed in by name.
"""

from __future__ import annotations

import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` and `collections` cost start time
    from collections.abc import Mapping

XDG = "xdg"
MACOS = "macos"
WINDOWS = "windows"

SOCKET_LIMIT = 100
"""
Longest socket path in bytes.

``sun_path`` holds 108 bytes on Linux and 104 on macOS, the closing NUL included; the rest is room
for the temporary name under which a new socket is bound.
"""


def supervisor_id(config_path: str) -> str:
    """Return the name of this supervisor's folders: 16 hex digits of the real path's SHA-256."""
    real = os.path.realpath(config_path)
    return hashlib.sha256(os.fsencode(real)).hexdigest()[:16]


def state_folder(config_path: str, environ: Mapping[str, str], uid: int, layout: str = XDG) -> str:
    """Return the default state folder, absolute; it may not exist."""
    base = _STATE_BASES[layout](environ, uid)
    return os.path.join(base, "hermes-supervise", supervisor_id(config_path))


def runtime_folder(
    config_path: str, environ: Mapping[str, str], uid: int, layout: str = XDG
) -> str:
    """
    Return the default folder of socket and address file, absolute; it may not exist.

    Where this is below the temporary folder anybody could have made it first: whoever makes or
    reads it checks that it belongs to *uid*.
    """
    return os.path.join(_RUNTIME_BASES[layout](environ, uid), supervisor_id(config_path))


def default_socket(
    config_path: str, environ: Mapping[str, str], uid: int, layout: str = XDG
) -> str:
    """Return the control socket of a configuration that names none."""
    return os.path.join(runtime_folder(config_path, environ, uid, layout), "control.sock")


def address_file(config_path: str, environ: Mapping[str, str], uid: int, layout: str = XDG) -> str:
    """Return the one-line file that says where the control socket is, whatever ``socket:`` says."""
    return os.path.join(runtime_folder(config_path, environ, uid, layout), "address")


def socket_too_long(path: str) -> bool:
    """Return whether *path* is longer than a socket address can safely hold."""
    return len(os.fsencode(path)) > SOCKET_LIMIT


def _folder(environ: Mapping[str, str], name: str) -> str | None:
    # The XDG rules: a relative path is to be ignored, as is an empty one.
    path = environ.get(name, "")
    return path if os.path.isabs(path) else None


def _temporary(environ: Mapping[str, str]) -> str:
    return _folder(environ, "TMPDIR") or "/tmp"  # noqa: S108 - its owner is checked where it is used


def _xdg_state(environ: Mapping[str, str], uid: int) -> str:
    if uid == 0:
        return "/var/lib"
    given = _folder(environ, "XDG_STATE_HOME")
    return given or os.path.join(home_folder(environ, uid), ".local", "state")


def _xdg_runtime(environ: Mapping[str, str], uid: int) -> str:
    if uid == 0:
        return "/run/hermes-supervise"
    given = _folder(environ, "XDG_RUNTIME_DIR")
    if given:
        return os.path.join(given, "hermes-supervise")
    return os.path.join(_temporary(environ), f"hermes-supervise-{uid}")


def _macos_state(environ: Mapping[str, str], uid: int) -> str:
    if uid == 0:
        return "/var/lib"
    return os.path.join(home_folder(environ, uid), "Library", "Application Support")


def _macos_runtime(environ: Mapping[str, str], uid: int) -> str:
    if uid == 0:
        return "/var/run/hermes-supervise"
    return os.path.join(_temporary(environ), f"hermes-supervise-{uid}")


def _windows_state(environ: Mapping[str, str], uid: int) -> str:
    return environ.get("LOCALAPPDATA") or os.path.join(
        home_folder(environ, uid), "AppData", "Local"
    )


def _windows_runtime(environ: Mapping[str, str], uid: int) -> str:
    return os.path.join(_windows_state(environ, uid), "hermes-supervise", "run")


def home_folder(environ: Mapping[str, str], uid: int) -> str:
    """Return the home folder of whoever runs us: HOME, else what the user database says."""
    home = environ.get("HOME") or environ.get("USERPROFILE", "")
    if home and os.path.isabs(home):
        return home
    try:
        import pwd  # noqa: PLC0415 - only where HOME is missing, and not on every platform

        return pwd.getpwuid(uid).pw_dir
    except (ImportError, KeyError):
        return os.sep


_STATE_BASES = {XDG: _xdg_state, MACOS: _macos_state, WINDOWS: _windows_state}
_RUNTIME_BASES = {XDG: _xdg_runtime, MACOS: _macos_runtime, WINDOWS: _windows_runtime}
