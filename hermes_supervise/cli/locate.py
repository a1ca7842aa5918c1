"""Where the supervisor listens: what was written, the environment, or ``./supervisor.yaml``."""

from __future__ import annotations

import os

from hermes_supervise.cli.usage import UsageError
from hermes_supervise.model.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL_FILE = "supervisor.yaml"
VARIABLE = "HERMES_SUPERVISE_SOCKET"


def locate(
    config: str | None, socket: str | None, environ: Mapping[str, str], uid: int
) -> tuple[str, str]:
    """
    Return the address of the control socket and how to start the supervisor that belongs there.

    The configuration is never read: only the file that a running supervisor left for us.

    Args:
        config: What ``-c`` said.
        socket: What ``--socket`` said.
        environ: The environment of this process.
        uid: The user who asks; places differ by user.

    Raises:
        NotRunning: No address is written down anywhere.
        UsageError: The address is of a kind that is not supported yet.
    """
    if socket is None and config is None:
        socket = environ.get(VARIABLE) or None
    if socket is not None:
        return _path(socket), "hermes-supervise -c FILE"
    if config is None:
        if not os.path.exists(USUAL_FILE):
            raise NotRunning(
                f"no supervisor to ask: no -c FILE, no --socket, no ${VARIABLE} and no "
                f"./{USUAL_FILE}; start one with: hermes-supervise -c FILE"
            )
        config = USUAL_FILE
    return _path(_written_address(config, environ, uid)), f"hermes-supervise -c {config}"


def _written_address(config: str, environ: Mapping[str, str], uid: int) -> str:
    # Only those who name a file pay for this; a program that asks for itself names a socket.
    from hermes_supervise.plan.places import address_file  # noqa: PLC0415

    place = address_file(config, environ, uid)
    try:
        with open(place, encoding="utf-8", errors="surrogateescape") as file:
            owner = os.fstat(file.fileno()).st_uid
            address = file.readline().rstrip("\n")
    except OSError as problem:
        why = "no" if isinstance(problem, FileNotFoundError) else "cannot read the"
        missing = "" if os.path.exists(config) else " (there is no such file)"
        raise NotRunning(
            f"no supervisor runs for {config}{missing}: {why} address in {place}; "
            f"start it with: hermes-supervise -c {config}"
        ) from None
    if owner not in (uid, 0):
        # Below the temporary folder anybody may have made it, to be told what is meant for us.
        raise NotRunning(f"{place}: belongs to user {owner}, who is not trusted; write --socket")
    if not address:
        raise NotRunning(
            f"no supervisor runs for {config}: {place} is empty; "
            f"start it with: hermes-supervise -c {config}"
        )
    return address


def _path(address: str) -> str:
    if address.startswith("tcp://"):
        raise UsageError(f"{address}: tcp is not yet in this version; write the path of a socket")
    return address
