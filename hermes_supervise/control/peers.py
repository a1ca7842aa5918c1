"""Who is at the other end of a control connection, by the kernel's word."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

SO_PEERGROUPS = 59
"""Linux 4.13; the socket module has no name for it."""

MOST_GROUPS = 256
"""Groups of a client that are looked at: Python reads no longer answers than 1024 bytes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Credentials of a client at the time it connected; ``pid`` 0 where the system tells none."""

    pid: int
    uid: int
    groups: frozenset[int]

    def __str__(self) -> str:
        return f"uid {self.uid}, pid {self.pid}"


def peer_of(sock: socket.socket) -> Peer | None:
    """Return the client's credentials, None where the system does not tell them."""
    so_peercred = getattr(socket, "SO_PEERCRED", None)
    if so_peercred is None:
        return _bsd_peer(sock)
    pid, uid, gid = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, so_peercred, 12))
    groups = {gid}
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * MOST_GROUPS)
        groups.update(struct.unpack(f"{len(raw) // 4}I", raw))
    except OSError:  # an older kernel, or more groups than that: the first one has to do
        pass
    return Peer(pid, uid, frozenset(groups))


def _bsd_peer(sock: socket.socket) -> Peer | None:
    local_peercred, level = getattr(socket, "LOCAL_PEERCRED", 1), 0
    try:
        raw = sock.getsockopt(level, local_peercred, 76)
        _version, uid, count = struct.unpack_from("IIh", raw)
        groups = struct.unpack_from(f"{count}I", raw, 12)
    except (OSError, struct.error):
        return None
    return Peer(0, uid, frozenset(groups))


def may_do_everything(peer: Peer, socket_gid: int | None) -> bool:
    """Whether a client is the owner, root, or in the group that was let in."""
    if peer.uid in (0, os.geteuid()):
        return True
    return socket_gid is not None and socket_gid in peer.groups
