"""
How a supervisor comes up: the keeper's word, the plan, the lock, the state, the socket.

Everything that can go wrong here ends with one sentence and an exit code, before any program was
touched.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import zlib
from dataclasses import dataclass, field

from hermes_supervise import clock
from hermes_supervise.backends import locks
from hermes_supervise.keeper.wire import Message, Wire
from hermes_supervise.model.errors import HermesSuperviseError, StoreError
from hermes_supervise.model.spec import Plan
from hermes_supervise.plan.codec import decode
from hermes_supervise.record.folders import private_folder
from hermes_supervise.record.store import Store

HELLO_TIMEOUT = 30.0
"""Seconds for the keeper to say what it holds."""

LOCK_WAIT = 2.0
"""Seconds to wait for a supervisor that is just going."""

BACKLOG = 512
"""Connections that wait while a supervisor is being replaced."""


class CannotStart(Exception):  # noqa: N818  # it reads as what happened
    """A sentence for people, and the exit code of the contract."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


@dataclass(slots=True)
class Hello:
    """What the keeper told a new supervisor."""

    keeper_pid: int = 0
    options: dict[str, object] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    again: bool = False
    ended: str = ""
    """How the last supervisor ended, in words."""
    slots: dict[str, tuple[bytes, tuple[int, ...]]] = field(default_factory=dict)
    held: list[Message] = field(default_factory=list)
    later: list[Message] = field(default_factory=list)
    """What came right behind the greeting."""


def hear_hello(wire: Wire) -> Hello:
    """
    Wait for the keeper's greeting with all that it holds.

    Raises:
        CannotStart: it did not come.
    """
    hello = Hello()
    deadline = clock.now().at + HELLO_TIMEOUT
    while True:
        left = deadline - clock.now().at
        if left <= 0 or not select.select([wire.sock], [], [], left)[0]:
            raise CannotStart("the keeper does not speak", 1)
        try:
            messages = wire.receive()
        except (EOFError, OSError):
            raise CannotStart("the keeper is gone", 1) from None
        for place, (message, fds) in enumerate(messages):
            match message:
                case ("hello", dict() as document):
                    _take_hello(hello, document, fds)
                case ("ready",):
                    hello.later = [later for later, _fds in messages[place + 1 :]]
                    return hello
                case _:
                    hello.held.append(message)


def _take_hello(hello: Hello, document: dict[str, object], fds: tuple[int, ...]) -> None:
    hello.keeper_pid = int(str(document["pid"]))
    options, orders, slots = document["options"], document["orders"], document["slots"]
    hello.options = options if isinstance(options, dict) else {}
    hello.orders = orders if isinstance(orders, list) else []
    hello.again = bool(document["again"])
    hello.ended = str(document.get("ended", ""))
    start = 0
    for name, data, count in slots if isinstance(slots, list) else []:
        hello.slots[name] = (data, fds[start : start + count])
        start += count


def take_plan(hello: Hello, plan_fd: int | None) -> tuple[str, Plan] | None:
    """
    Return the plan as text and decoded: the keeper's if it has one, else the compiler's.

    Returns:
        None when the compiler ended without one: it has said why, and the keeper ends too.

    Raises:
        CannotStart: the plan is not to be understood.
    """
    if "plan" in hello.slots:
        text = zlib.decompress(hello.slots["plan"][0]).decode()
    elif plan_fd is None:
        raise CannotStart("there is no plan", 1)
    else:
        with os.fdopen(plan_fd, "rb") as stream:
            text = stream.read().decode()
        if not text:
            return None
    try:
        return text, decode(text)
    except HermesSuperviseError as problem:
        raise CannotStart(str(problem), 1) from None


def take_lock(hello: Hello, state_dir: str, keeper_pid: int) -> int:
    """
    Make the state folder ours and return the lock's descriptor.

    Raises:
        CannotStart: the folder cannot be used (1), or another supervisor has it (6).
    """
    path = os.path.join(state_dir, "lock")
    if "lock" in hello.slots:
        held = hello.slots["lock"][1][0]
        if _is_file(held, path):
            return held
        os.close(held)  # the folder was removed: what we hold keeps nobody out any more
    deadline = clock.now().at + LOCK_WAIT
    try:
        private_folder(state_dir)
        private_folder(os.path.join(state_dir, "logs"))
        while (fd := locks.try_lock(path)) is None:
            if clock.now().at >= deadline:
                raise CannotStart(_in_use(path, state_dir), 6)
            select.select([], [], [], 0.05)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{keeper_pid}\n".encode(), 0)
    except StoreError as problem:
        raise CannotStart(f"cannot use the state folder: {problem}", 1) from None
    except OSError as problem:
        why = (problem.strerror or str(problem)).lower()
        raise CannotStart(f"cannot use the state folder: {path}: {why}", 1) from None
    return fd


def _is_file(fd: int, path: str) -> bool:
    """Whether a path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


def _in_use(path: str, state_dir: str) -> str:
    owner = "unknown"
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
        owner = file.read(32).strip() or owner
    return (
        f"another supervisor (pid {owner}) has this state folder: {state_dir}; "
        "ask it with `hermes-supervise ctl`, or give this one a state_dir of its own"
    )


def open_store(state_dir: str) -> Store:
    """
    Open the state.

    Raises:
        CannotStart: it cannot be read or written.
    """
    try:
        return Store(state_dir)
    except StoreError as problem:
        raise CannotStart(f"cannot use the state: {problem}", 1) from None


def take_listener(hello: Hello, plan: Plan) -> socket.socket:
    """
    Return the listening control socket: the keeper's, or a new one.

    Raises:
        CannotStart: the path cannot be used, or somebody answers there (6).
    """
    if "control" in hello.slots:
        return socket.socket(fileno=hello.slots["control"][1][0])
    path = plan.settings.socket
    try:
        private_folder(os.path.dirname(plan.settings.address_file))
        if os.path.dirname(path) != os.path.dirname(plan.settings.address_file):
            _socket_folder(os.path.dirname(path))
        if os.path.lexists(path) and not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise CannotStart(f"cannot make the socket {path}: what is there is no socket", 1)
        if _answers(path):
            raise CannotStart(f"another supervisor answers at {path}", 6)
        listener = _bind(path, plan)
        _write_address(plan)
    except StoreError as problem:
        raise CannotStart(f"cannot use the socket's folder: {problem}", 1) from None
    except OSError as problem:
        why = (problem.strerror or str(problem)).lower()
        raise CannotStart(f"cannot make the socket {path}: {why}", 1) from None
    return listener


def _socket_folder(folder: str) -> None:
    """A folder that the operator named is used as it is; one that is missing is made private."""
    if not os.path.isdir(folder):
        private_folder(folder)


def _answers(path: str) -> bool:
    """Whether somebody listens at the path; a socket file nobody listens at is stale."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _bind(path: str, plan: Plan) -> socket.socket:
    """Bind beside the place and rename, so that nobody ever finds the socket with other rights."""
    temporary = f"{path}.{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of one that was killed in this very moment, and had our pid
    before = os.umask(0o077)
    try:
        listener.bind(temporary)
    finally:
        os.umask(before)
    _set_rights(temporary, plan)
    _open_folder(path, plan)
    listener.listen(BACKLOG)
    os.rename(temporary, path)
    return listener


def open_doors(plan: Plan) -> None:
    """Give the socket the rights that another plan asks for; who may do what is asked anyway."""
    try:
        _open_folder(plan.settings.socket, plan)
        _set_rights(plan.settings.socket, plan)
    except OSError:  # it was removed: nobody can come in any more, and everybody inside stays
        return


def _set_rights(path: str, plan: Plan) -> None:
    """Who may knock: programs of other users, the group, or nobody but us and root."""
    group = plan.settings.socket_gid
    if _has_users(plan):
        os.chmod(path, 0o666)  # noqa: S103  # the peer's uid decides, not the file
    elif group is not None:
        os.chown(path, -1, group)
        os.chmod(path, 0o660)
    else:
        os.chmod(path, 0o600)


def _has_users(plan: Plan) -> bool:
    return any(program.launch.user is not None for program in plan.programs)


def _open_folder(path: str, plan: Plan) -> None:
    """Let through our own folder whom the socket lets in; a folder of the operator's stays."""
    folder, group = os.path.dirname(path), plan.settings.socket_gid
    if folder != os.path.dirname(plan.settings.address_file):
        return
    if _has_users(plan) or group is not None:
        above = os.path.dirname(folder)
        if os.path.basename(above).startswith("hermes-supervise"):
            os.chmod(above, 0o711)  # noqa: S103  # to pass through, not to look around
    if _has_users(plan):
        os.chmod(folder, 0o711)  # noqa: S103  # the same
    elif group is not None:
        os.chown(folder, -1, group)
        os.chmod(folder, 0o750)  # noqa: S103  # the group that was let in


def _write_address(plan: Plan) -> None:
    path = plan.settings.address_file
    temporary = f"{path}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, f"{plan.settings.socket}\n".encode())
    finally:
        os.close(fd)
    os.rename(temporary, path)
