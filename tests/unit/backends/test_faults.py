"""Why a process could not be made, in words."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from hermes_supervise.backends.faults import find_executable, not_found, spawn_error
from hermes_supervise.model.spec import Launch, Logs, User

LAUNCH = Launch(
    argv=("gateway", "--port", "1"),
    directory="/srv",
    environment={},
    inherit_environment=True,
    user=User(name="joe", uid=1, gid=1, groups=(), home="/"),
    umask=None,
    backend="auto",
    logs=Logs(mode="file", path="/var/log/chat.log"),
    marker=None,
)


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ("directory", errno.ENOENT, "no such directory: /srv"),
        ("directory", errno.EACCES, "cannot enter directory /srv: permission denied"),
        ("log", errno.ELOOP, "the log /var/log/chat.log is a symbolic link; write the real path"),
        ("log", errno.ENXIO, "the log /var/log/chat.log is a pipe that nobody reads"),
        ("log", errno.ENOSPC, "cannot open the log /var/log/chat.log: no space left on device"),
        ("user", errno.EPERM, "cannot become user joe: operation not permitted"),
        ("cgroup", errno.EACCES, "cannot enter the program's cgroup: permission denied"),
        (
            "fork",
            errno.EAGAIN,
            "cannot make a process: resource temporarily unavailable"
            " (a limit on processes or memory is reached)",
        ),
        ("exec", errno.ENOENT, "no such file: /no/gateway"),
        ("exec", errno.EACCES, "permission denied: /no/gateway (is it an executable file?)"),
        ("exec", errno.ENOEXEC, "/no/gateway is no program (a script needs a first line with #!)"),
        (
            "exec",
            errno.EAGAIN,
            "cannot run /no/gateway: resource temporarily unavailable"
            " (its user has too many processes)",
        ),
        ("exec", errno.E2BIG, "cannot run /no/gateway: argument list too long"),
    ],
)
def test_every_step_says_what_failed_and_where(step: str, code: int, said: str) -> None:
    """The sentence is all that an operator gets: it names the thing to mend."""
    assert spawn_error(step, code, LAUNCH, "/no/gateway") == said


def test_a_script_whose_interpreter_is_missing_is_not_called_missing_itself(tmp_path: Path) -> None:
    """ENOENT for a file that is there confuses everybody once."""
    script = tmp_path / "script"
    script.write_text("#!/no/such/thing\n")

    said = spawn_error("exec", errno.ENOENT, LAUNCH, str(script))
    assert said == f"{script}: the interpreter named in its first line does not exist"


def test_a_bare_word_is_looked_up_in_the_path_of_the_program(tmp_path: Path) -> None:
    """Not in ours; and what may not be executed, or is a folder, is passed over."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "gateway").mkdir()
    (tmp_path / "b" / "gateway").write_text("")
    (tmp_path / "c" / "gateway").write_text("")
    (tmp_path / "c" / "gateway").chmod(0o755)
    path = ":".join(str(tmp_path / name) for name in ("a", "b", "c"))

    assert find_executable(LAUNCH, path) == str(tmp_path / "c" / "gateway")
    assert find_executable(LAUNCH, str(tmp_path / "b")) is None
    assert not_found(LAUNCH) == "no such file: gateway (looked in PATH of the program)"


def test_a_word_with_a_slash_starts_from_the_directory_of_the_program(tmp_path: Path) -> None:
    """As the program itself would understand it."""
    launch = replace(LAUNCH, argv=("./gateway",), directory=str(tmp_path))

    assert find_executable(launch, "/bin") == f"{tmp_path}/./gateway"
    relative = replace(LAUNCH, directory=str(tmp_path))
    (tmp_path / "gateway").write_text("")
    (tmp_path / "gateway").chmod(0o755)
    assert find_executable(relative, ".") == f"{tmp_path}/./gateway"
