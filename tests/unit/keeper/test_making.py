"""What a program is given by the keeper, and what it is not."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hermes_supervise.backends import cgroups
from tests.unit.keeper.lone import LoneKeeper, lone_keeper, wait_for

REPORTS = Path(__file__).parents[2] / "e2e" / "programs" / "reports.py"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")

NOBODY = 65534

WAYS = [
    pytest.param({}, id="vfork"),
    pytest.param({"user": (0, 0, (0,))}, id="fork", marks=as_root),
    pytest.param({"cgroup": True}, id="vfork into a cgroup"),
    pytest.param({"cgroup": True, "outside": True}, id="fork into a cgroup"),
]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[str | None]:
    """A cgroup for one run, None where there cannot be any."""
    root = cgroups.find_root(f"test-{os.getpid()}")
    yield cgroups.make(root, "run") if root else None
    if root:
        cgroups.kill(root)
        assert wait_for(lambda: cgroups.remove_if_empty(root))


def reported(
    keeper: LoneKeeper, way: dict[str, Any], tmp_path: Path, group: str | None, **fields: Any
) -> dict[str, Any]:
    """Let a program report what it was given."""
    way = {key: value for key, value in way.items() if key != "outside"}
    if way.get("cgroup"):
        if group is None:
            pytest.skip("no cgroup may be made here")
        way = {**way, "cgroup": group}
    file = tmp_path / "report.json"
    argv = [sys.executable, "-I", "-S", str(REPORTS), str(file)]
    keeper.spawn("r1", argv, **{**way, **fields})
    pid = keeper.made("r1")
    assert wait_for(file.exists)
    report: dict[str, Any] = json.loads(file.read_text())
    assert report["pid"] == pid
    return report


def status_lines(file: Path) -> dict[str, str]:
    """Return ``/proc/self/status`` as a program wrote it down."""
    return dict(line.split(":\t", 1) for line in file.read_text().splitlines())


def options(way: dict[str, Any]) -> dict[str, Any]:
    """Return the keeper's options for a way of making."""
    return {"outside": True} if way.get("outside") else {}


@pytest.mark.parametrize("way", WAYS)
def test_a_program_leads_a_session_of_its_own_in_its_cgroup(
    way: dict[str, Any], tmp_path: Path, group: str | None
) -> None:
    """A signal from the keeper's terminal, or to its process group, must not reach programs."""
    with lone_keeper(options=options(way)) as keeper:
        report = reported(keeper, way, tmp_path, group)

        assert report["session"] == report["group"] == report["pid"]
        assert report["parent"] == keeper.pid
        assert ("/run\n" in report["cgroup"]) == bool(way.get("cgroup"))


@pytest.mark.parametrize("way", WAYS)
def test_it_gets_three_descriptors_whatever_our_starter_left_open(
    way: dict[str, Any], tmp_path: Path, group: str | None
) -> None:
    """An inherited pipe or socket would live as long as the program does."""
    left, other = socket.socketpair()
    log, errors = tmp_path / "out.log", tmp_path / "err.log"
    log.write_text("before\n")
    with left, other, lone_keeper(options=options(way), pass_fds=(left.fileno(),)) as keeper:
        left.close()
        report = reported(keeper, way, tmp_path, group, stdout=str(log), stderr=str(errors))

        assert other.recv(1) == b"", "the keeper still holds what it was left"
        found = report["descriptors"]
        assert {fd: found[fd]["target"] for fd in found} == {
            "0": "/dev/null",
            "1": str(log),
            "2": str(errors),
        }
        assert found["1"]["append"]
        assert found["2"]["append"]
        assert not found["1"]["flags"] & os.O_NONBLOCK
        assert stat.S_IMODE(errors.stat().st_mode) == 0o600
        assert log.read_text() == "before\nready\n"


@pytest.mark.parametrize("way", WAYS)
def test_it_gets_fresh_signals_whatever_our_starter_ignored_or_blocked(
    way: dict[str, Any], tmp_path: Path, group: str | None
) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, nohup SIGHUP, and a mask survives every exec."""

    def starter() -> None:
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR2})

    if way.get("cgroup") and group is None:
        pytest.skip("no cgroup may be made here")
    given = {k: group if k == "cgroup" else v for k, v in way.items() if k != "outside"}
    file = tmp_path / "status"
    with lone_keeper(options=options(way), preexec_fn=starter) as keeper:
        keeper.spawn("r1", ["/bin/cat", "/proc/self/status"], stdout=str(file), **given)
        keeper.answer("ended", "r1")

        lines = status_lines(file)
        assert int(lines["SigBlk"], 16) == 0
        # glibc's posix_spawn ignores the two signals that its threads use among themselves.
        assert int(lines["SigIgn"], 16) & ~(0b11 << 31) == 0
        assert int(lines["SigCgt"], 16) == 0


@pytest.mark.parametrize("way", WAYS)
def test_our_raised_descriptor_limit_is_not_the_programs(
    way: dict[str, Any], tmp_path: Path, group: str | None
) -> None:
    """Programs that close or poll everything up to the limit would crawl; select() would break."""

    def starter() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048))

    with lone_keeper(options=options(way), preexec_fn=starter) as keeper:
        report = reported(keeper, way, tmp_path, group)

        assert report["limits"]["RLIMIT_NOFILE"] == [256, 2048]
        assert resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE) == (2048, 2048)


@pytest.mark.parametrize("way", WAYS)
def test_it_runs_in_its_directory_under_its_umask(
    way: dict[str, Any], tmp_path: Path, group: str | None
) -> None:
    """The keeper has both for itself too; the program's are not those."""
    with lone_keeper(options=options(way), umask=0o024) as keeper:
        report = reported(keeper, way, tmp_path, group, directory=str(tmp_path), umask=0o027)

        assert report["directory"] == str(tmp_path)
        assert report["umask"] == "027"
        assert os.readlink(f"/proc/{keeper.pid}/cwd") == "/"


def test_without_a_word_about_it_the_umask_is_that_of_our_starter(tmp_path: Path) -> None:
    """The keeper's own 077 is for its logs."""
    with lone_keeper(umask=0o024) as keeper:
        report = reported(keeper, {}, tmp_path, None)

        assert report["umask"] == "024"


@as_root
def test_a_program_becomes_its_user_with_just_these_groups(tmp_path: Path) -> None:
    """Root's groups left behind would open files that the user may not open."""
    file = tmp_path / "status"
    with lone_keeper() as keeper:
        user = (NOBODY, NOBODY, (12345, NOBODY))
        keeper.spawn("r1", ["/bin/cat", "/proc/self/status"], stdout=str(file), user=user)
        keeper.answer("ended", "r1")

        lines = status_lines(file)
        assert lines["Uid"].split() == [str(NOBODY)] * 4
        assert lines["Gid"].split() == [str(NOBODY)] * 4
        assert lines["Groups"].split() == ["12345", str(NOBODY)]
        assert int(lines["CapEff"], 16) == 0


@as_root
def test_a_directory_that_only_root_may_enter_is_closed_to_the_user(tmp_path: Path) -> None:
    """The change of directory comes after the change of user."""
    with lone_keeper() as keeper:
        keeper.spawn("r1", ["/bin/true"], user=(NOBODY, NOBODY, ()), directory="/root/")

        assert keeper.answer("failed", "r1")[3:] == ("directory", errno.EACCES)


@as_root
def test_no_link_is_followed_for_the_log_of_a_user(tmp_path: Path) -> None:
    """Who owns the folder of the log could make root write anywhere."""
    target, log = tmp_path / "target", tmp_path / "log"
    log.symlink_to(target)
    with lone_keeper() as keeper:
        keeper.spawn("r1", ["/bin/true"], user=(NOBODY, NOBODY, ()), stdout=str(log))

        assert keeper.answer("failed", "r1")[3:] == ("log", errno.ELOOP)
        assert not target.exists()


def write(path: Path, text: str, mode: int = 0o755) -> str:
    """Make a file and return its path."""
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fields", "step", "code"),
    [
        ({"argv": ["/no/such/file"]}, "exec", errno.ENOENT),
        ({"argv": ["{tmp}/plain"]}, "exec", errno.EACCES),
        ({"argv": ["{tmp}/noise"]}, "exec", errno.ENOEXEC),
        ({"argv": ["{tmp}/script"]}, "exec", errno.ENOENT),
        ({"argv": ["/bin/true", "nul\0"]}, "exec", errno.EINVAL),
        ({"argv": ["/bin/true"], "environment": {"A=B": "c"}}, "exec", errno.EINVAL),
        ({"argv": ["/bin/true"], "directory": "/no/such/folder"}, "directory", errno.ENOENT),
        ({"argv": ["/bin/true"], "directory": "/dev/null"}, "directory", errno.ENOTDIR),
        ({"argv": ["/bin/true"], "stdout": "/no/such/folder/log"}, "log", errno.ENOENT),
        ({"argv": ["/bin/true"], "stdout": "{tmp}/fifo"}, "log", errno.ENXIO),
        ({"argv": ["/bin/true"], "stderr": "/no/such/folder/log"}, "log", errno.ENOENT),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_made_is_said_with_its_step(  # noqa: PLR0917  # parameters by name
    way: dict[str, Any],
    fields: dict[str, Any],
    step: str,
    code: int,
    tmp_path: Path,
    group: str | None,
) -> None:
    """A spawn error is an answer; the keeper goes on, and makes the next program."""
    write(tmp_path / "plain", "no bit", 0o644)
    write(tmp_path / "noise", "no first line")
    write(tmp_path / "script", "#!/no/such/interpreter\n")
    os.mkfifo(tmp_path / "fifo")
    if way.get("cgroup") and group is None:
        pytest.skip("no cgroup may be made here")
    given = {k: group if k == "cgroup" else v for k, v in way.items() if k != "outside"}
    said = json.loads(json.dumps(fields).replace("{tmp}", str(tmp_path)))
    argv = said.pop("argv")
    with lone_keeper(options=options(way)) as keeper:
        keeper.spawn("r1", argv, **given, **said)

        assert keeper.answer("failed", "r1") == ("failed", "r1", 1, step, code)
        keeper.spawn("r2", ["/bin/true"], **given)
        assert keeper.answer("ended", "r2")[2] == 0


@as_root
def test_a_refused_fork_is_an_answer_too() -> None:
    """At the limit of processes the keeper must say so and live on."""
    # Nobody else has this number, so the keeper is the only process of this user.
    with lone_keeper(options={"become": 54321, "processes": 1}) as keeper:
        keeper.spawn("r1", ["/bin/true"])

        assert keeper.answer("failed", "r1")[3:] == ("fork", errno.EAGAIN)
        keeper.ask("signal", "r1", int(signal.SIGTERM))
        assert keeper.answer("signalled", "r1")[2] is False


def test_a_full_table_of_descriptors_is_an_answer_too(tmp_path: Path) -> None:
    """Without a free descriptor there is no log and no pipe; there still is a keeper."""

    def starter() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with lone_keeper(preexec_fn=starter) as keeper:
        keeper.spawn("r0", ["/bin/sleep", "100"])
        keeper.made("r0")
        resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, (3, 64))
        keeper.spawn("r1", ["/bin/true"], stdout=str(tmp_path / "log"))

        assert keeper.answer("failed", "r1")[3:] == ("log", errno.EMFILE)
        resource.prlimit(keeper.pid, resource.RLIMIT_NOFILE, (64, 64))
        keeper.spawn("r2", ["/bin/true"], stdout=str(tmp_path / "log"))
        assert keeper.answer("ended", "r2")[2] == 0


def test_the_keeper_is_the_standard_library_and_little_of_it() -> None:
    """What it does not import cannot break it, and does not cost memory."""
    code = (
        "import sys; sys.path[0] = sys.argv[1]; import hermes_supervise.keeper.process;"
        "print(*sorted(sys.modules))"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True
    )

    modules = done.stdout.split()
    ours = {name for name in modules if name.startswith("hermes_supervise")}
    theirs = {name.split(".")[0] for name in set(modules) - ours - {"__main__"}}
    folder = Path(root, "hermes_supervise", "keeper")
    rooms = {f"hermes_supervise.keeper.{file.stem}" for file in folder.glob("[!_]*.py")}
    heavy = {"asyncio", "typing", "subprocess", "logging", "json", "ctypes", "re", "dataclasses"}
    assert theirs <= sys.stdlib_module_names
    assert ours == {"hermes_supervise", "hermes_supervise.keeper", *rooms}
    assert heavy.isdisjoint(modules)
    assert len(modules) < 75
