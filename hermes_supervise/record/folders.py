"""Folders that are private to their owner, made or checked before anything is put into them."""

from __future__ import annotations

import os
import stat

from hermes_supervise.model.errors import StoreError


def private_folder(path: str, mode: int = 0o700) -> None:
    """
    Make *path* with all its parents if it is missing, and check who could meddle with it.

    Raises:
        StoreError: it cannot be made, is no folder, or somebody else could replace what is in it.
    """
    try:
        _make(path, mode)
        _check(path)
    except OSError as problem:
        why = (problem.strerror or str(problem)).lower()
        raise StoreError(f"{path}: {why}") from None


def _make(path: str, mode: int) -> None:
    missing: list[str] = []
    at = path
    while not os.path.isdir(at):
        missing.append(at)
        parent = os.path.dirname(at)
        if parent == at:
            break
        at = parent
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            if not os.path.isdir(folder):  # else somebody else has made it just now
                raise StoreError(f"{folder}: what is there is no folder") from None
    found = os.stat(path)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)


def _check(path: str) -> None:
    """The folder is ours, and nobody can rename it away who could not do so to its parent."""
    at = os.path.realpath(path)
    owner = os.stat(at).st_uid
    if owner != os.geteuid():
        raise StoreError(f"{at}: belongs to uid {owner}, not to us; use another folder")
    while True:
        found = os.stat(at)
        loose = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if loose:
            raise StoreError(f"{at}: everybody may write here; remove that right (chmod o-w)")
        parent = os.path.dirname(at)
        if parent == at:
            return
        at = parent
