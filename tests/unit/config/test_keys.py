"""Every key of the contract ends in the plan, resolved."""

from __future__ import annotations

import pytest

from hermes_supervise.config import model, sections
from hermes_supervise.config.problems import render
from hermes_supervise.config.section import Section
from hermes_supervise.model.spec import (
    Backoff,
    FileProbe,
    GiveUp,
    Launch,
    Logs,
    Marker,
    Owner,
    Program,
    Restart,
    Settings,
    Start,
    Stop,
    TcpProbe,
    UnlockedProbe,
)
from hermes_supervise.plan.digest import revision
from tests.unit.config.given import compiled, messages, plan, program, write

ID = "314764d8a0bbb1ef"


def test_a_program_with_only_a_command_gets_every_default() -> None:
    """The defaults of the models are those of the plan: nobody has to know both."""
    launch = Launch(
        argv=("gw",),
        directory="/srv/app",
        environment={},
        inherit_environment=True,
        user=None,
        umask=None,
        backend="auto",
        logs=Logs(mode="file", path="/srv/app/state/logs/a.log"),
        marker=None,
    )

    made = plan("{supervisor: {state_dir: state}, programs: {a: {command: gw}}}").programs

    assert made == (Program(name="a", group="a", revision=revision(launch), launch=launch),)


def test_every_key_of_a_program_is_resolved() -> None:
    """Relative paths, times, words and numbers as the file may write them."""
    made = program(
        """
        command: [bin/gw, --port, 8700]
        directory: work
        environment: {A: "1", B: 2}
        inherit_environment: no
        umask: "027"
        backend: posix
        autostart: always
        start: {timeout: 2m, settle: 500ms}
        stop:
          marker: {path: stop.json, format: hermes, target: {pid_file: run/gw.pid}}
          signal: SIGINT
          drain_timeout: 1h
          drain_limit: 1.5h
          drained: {file: {path: gw.pid, max_age: 90s, json: {state: ok, pid: "{pid}", n: 1}}}
          linger: 0s
          force: {tree: false, interval: 250ms}
        restart:
          policy: on-failure
          success_exit_codes: [0, 3]
          restart_exit_codes: []
          fatal_exit_codes: [2]
          fatal_retry_after: none
          backoff: {first: 0s, factor: 1.5, limit: 2m, jitter: 0, reset_after: 10s}
          give_up: {failures: 2, within: 1m, retry_after: none}
        owner: {lock_file: gw.lock}
        logs: {mode: file, path: out.log, stderr: err.log}
        """
    )

    assert made.launch == Launch(
        argv=("/srv/app/bin/gw", "--port", "8700"),
        directory="/srv/app/work",
        environment={"A": "1", "B": "2"},
        inherit_environment=False,
        user=None,
        umask=0o27,
        backend="posix",
        logs=Logs(mode="file", path="/srv/app/work/out.log", stderr="/srv/app/work/err.log"),
        marker=Marker(
            path="/srv/app/work/stop.json", format="hermes", pid_file="/srv/app/work/run/gw.pid"
        ),
    )
    assert made.autostart == "always"
    assert made.start == Start(timeout=120.0, settle=0.5)
    assert made.stop == Stop(
        signal=2,
        drain_timeout=3600.0,
        drain_limit=5400.0,
        drained=FileProbe(
            path="/srv/app/work/gw.pid",
            max_age=90.0,
            json={"state": "ok", "pid": "{pid}", "n": 1},
        ),
        linger=0.0,
        force_tree=False,
        force_interval=0.25,
    )
    assert made.restart == Restart(
        policy="on-failure",
        success_exit_codes=(0, 3),
        restart_exit_codes=(),
        fatal_exit_codes=(2,),
        fatal_retry_after=None,
        backoff=Backoff(first=0.0, factor=1.5, limit=120.0, jitter=0.0, reset_after=10.0),
        give_up=GiveUp(failures=2, within=60.0, retry_after=None),
    )
    assert made.owner == Owner(kind="lock_file", path="/srv/app/work/gw.lock")


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("{tcp: {port: 8700}}", TcpProbe(port=8700)),
        (
            '{tcp: {port: "80", host: "::1", open: false}}',
            TcpProbe(port=80, host="::1", open=False),
        ),
        ("{unlocked: {path: l}}", UnlockedProbe(path="/srv/app/l")),
        ("{file: {path: /p, exists: false}}", FileProbe(path="/p", exists=False)),
        ("none", None),
    ],
)
def test_every_probe_kind_of_drained_is_known(probe: str, expected: object) -> None:
    """file, tcp and unlocked; none switches it off."""
    assert program(f"stop: {{drained: {probe}}}").stop.drained == expected


def test_every_key_of_the_supervisor_is_resolved() -> None:
    """Relative to the folder of the file."""
    text = """
        supervisor: {state_dir: st, socket: ~/c.sock, socket_group: 7, on_exit: leave,
                     shutdown_timeout: 10m, cgroups: off}
        programs: {}
        """

    assert plan(text).settings == Settings(
        state_dir="/srv/app/st",
        socket="/home/op/c.sock",
        address_file=f"/run/user/1000/hermes-supervise/{ID}/address",
        socket_gid=7,
        on_exit="leave",
        shutdown_timeout=600.0,
        cgroups="off",
    )


def test_a_supervisor_without_keys_uses_the_default_places() -> None:
    """Named after the real path of the file."""
    assert plan("programs: {}").settings == Settings(
        state_dir=f"/home/op/.local/state/hermes-supervise/{ID}",
        socket=f"/run/user/1000/hermes-supervise/{ID}/control.sock",
        address_file=f"/run/user/1000/hermes-supervise/{ID}/address",
    )


@pytest.mark.parametrize("nothing", ["none", "~", "", "null"])
@pytest.mark.parametrize("key", ["ready", "health", "depends_on", "owner", "for_each", "preset"])
def test_what_is_switched_off_may_say_so(key: str, nothing: str) -> None:
    """`none`, and a heading with nothing below it."""
    assert program(f"{key}: {nothing}").launch.argv == ("gw",)


@pytest.mark.parametrize("key", ["start", "stop", "restart", "logs", "environment"])
def test_a_heading_with_nothing_below_it_is_not_there(key: str) -> None:
    """Somebody has commented everything out."""
    assert program(f"{key}:") == program("")


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ("ready: {notify: true}", "ready is not yet there, want none"),
        ("health: {tcp: {port: 1}}", "health is not yet there, want none"),
        ("depends_on: {db: ready}", "depends_on is not yet there, want none"),
        ("preset: {hermes: {profile: a}}", "preset is not yet there, want none"),
        ("logs: {mode: pipe}", "pipe is not yet there, want file or inherit"),
        ("logs: {rotate_size: 10MB}", "logs.rotate_size (rotation of logs) is not yet there"),
        ("logs: {keep: 5}", "logs.keep (rotation of logs) is not yet there, want none"),
        ("backend: s6", "s6 is not yet there, want auto or posix"),
        ("backend: systemd", "systemd is not yet there, want auto or posix"),
        ("backend: windows", "windows is not yet there, want auto or posix"),
        ("stop: {drained: {notify: true}}", "the probe kind notify is not yet there"),
        ("stop: {drained: {http: {url: x}}}", "the probe kind http is not yet there"),
        ("stop: {drained: {exec: {command: [x]}}}", "the probe kind exec is not yet there"),
        ("stop: {drained: {log: {pattern: x}}}", "the probe kind log is not yet there"),
    ],
)
def test_what_comes_later_is_refused_and_never_silently_accepted(keys: str, what: str) -> None:
    """A key that does nothing would be a lie."""
    (told,) = messages(f"programs:\n  a:\n    command: x\n    {keys}\n")

    assert what in told


def test_an_event_command_comes_later() -> None:
    """The same in the supervisor's section."""
    text = "supervisor: {on_event: {command: [x]}}\nprograms: {}\n"

    assert messages(text) == [
        "1:24: supervisor.on_event: supervisor.on_event is not yet there, want none"
    ]


def test_a_depends_on_without_members_is_fine() -> None:
    """Nothing is asked for."""
    assert program("depends_on: {}")


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("gw --port 8700", ("gw", "--port", "8700")),
        ("""'gw "two words"'""", ("gw", "two words")),
        ("[gw, two words, '']", ("gw", "two words", "")),
        ("./run.sh -x", ("/srv/app/run.sh", "-x")),
        ("~/bin/gw", ("/home/op/bin/gw",)),
        ("/bin/gw", ("/bin/gw",)),
        ("[gw, 8, -1]", ("gw", "8", "-1")),
    ],
)
def test_a_command_is_a_list_or_one_text(command: str, argv: tuple[str, ...]) -> None:
    """A text is split as a shell would; only the program itself is taken for a path."""
    assert program(f"command: {command}").launch.argv == argv


@pytest.mark.parametrize("command", ["[]", "''", "'  '", "['']", "'gw \"x'", "{a: b}", "8", "no"])
def test_a_command_that_runs_nothing_is_refused(command: str) -> None:
    """It would only be found when it is started."""
    assert len(messages(f"programs:\n  a:\n    command: {command}\n")) == 1


def test_a_missing_command_is_told_at_the_program() -> None:
    """There is no line for it."""
    assert messages("programs:\n  a: {umask: '027'}\n") == ["2:3: programs.a.command: missing"]
    assert messages("programs:\n  a:\n") == ["2:3: programs.a.command: missing"]


def test_a_file_without_programs_says_what_is_missing() -> None:
    """`programs: {}` is right: a supervisor may have nothing to do yet."""
    assert messages("supervisor: {}") == ["1:1: programs: missing, want the programs by name"]
    assert plan("programs:").programs == ()


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("comand", "write:  command: x"),
        ("drain_timeout", "`drain_timeout` belongs under `stop`."),
        ("failures", "`failures` belongs under `restart.give_up`."),
        ("state_dir", "`state_dir` belongs under `supervisor`."),
        ("zzz", "known keys: command, directory"),
        ("cwd", "Here it is `directory`."),
        ("stopwaitsecs", "Here it is `stop.drain_timeout`."),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_or_with_its_home(key: str, told: str) -> None:
    """A typing error, a key in the wrong section, or a key of another program's file."""
    result = compiled(f"programs:\n  a:\n    command: x\n    {key}: x\n")

    assert told in render(result.problems)


@pytest.mark.parametrize(
    "name", ["all", "con", "nul", "com1", "A", "-a", "a b", "a" * 64, "ä", "''"]
)
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    """`all` means every program; the others could not name a log file everywhere."""
    (told,) = messages(f"programs:\n  {name}: {{command: x}}\n")

    assert "want a" in told


def test_a_log_of_its_own_for_errors_that_is_the_same_is_the_same() -> None:
    """Two descriptors of one file, opened apart, would still append; one is enough."""
    made = program("logs: {path: a.log, stderr: ./a.log}")

    assert made.launch.logs == Logs(mode="file", path="/srv/app/a.log")


def test_a_log_path_that_has_no_effect_is_a_warning() -> None:
    """Containers often switch the mode and leave the rest."""
    result = compiled("programs: {a: {command: x, logs: {mode: inherit, path: a.log}}}")

    assert result.plan is not None
    assert result.plan.programs[0].launch.logs == Logs(mode="inherit")
    assert [each.message for each in result.warnings] == ["has no effect with logs.mode: inherit"]


def test_a_path_with_dots_is_left_for_the_kernel() -> None:
    """The folder before `..` may be a link."""
    assert program("directory: x/../y").launch.directory == "/srv/app/x/../y"


def test_another_users_home_is_refused() -> None:
    """`~name` would mean a folder of that name to us and a home to everybody else."""
    assert messages("programs:\n  a: {command: x, directory: ~bob/x}\n") == [
        "2:30: programs.a.directory: want ~/… or a path; ~name is not known"
    ]


def test_a_socket_path_that_is_too_long_says_what_to_write() -> None:
    """The system cannot bind it, and finds out late."""
    told = messages("programs: {}", folder="/" + "x" * 90, environ={"XDG_RUNTIME_DIR": "/r" * 50})

    assert len(told) == 1
    assert "supervisor.socket: got a path of" in told[0]
    assert "want at most 100" in told[0]


def test_every_key_has_a_meaning_for_the_reference() -> None:
    """The page is made of them."""
    classes = [
        found
        for room in (model, sections)
        for found in vars(room).values()
        if isinstance(found, type) and issubclass(found, Section)
    ]

    unexplained = [
        f"{each.__name__}.{name}"
        for each in classes
        for name, field in each.model_fields.items()
        if not field.description and field.default_factory is None and name != "owner"
    ]

    assert len(classes) >= 15
    assert not unexplained


@pytest.mark.parametrize(
    ("keys", "cure"),
    [
        ("restart: always", "restart: {policy: always}"),
        ("restart: no", "restart: {policy: never}"),
        ("start: 30s", "start: {timeout: 30s}"),
        ("stop: {marker: m.json}", "marker: {path: m.json}"),
        ("owner: gw.pid", "owner: {pid_file: gw.pid}"),
        ("environment_file: .env", "environment_file: [.env]"),
        ("restart: {success_exit_codes: 0}", "success_exit_codes: [0]"),
        ("environment: [A=1]", 'environment: {KEY: "value"}'),
        ("inherit_environment: 'no'", "inherit_environment: false"),
        ("stop: {marker: no}", "marker: none"),
        ("stop: {signal: 15}", "signal: SIGTERM"),
        ("stop: {signal: term}", "signal: SIGTERM"),
    ],
)
def test_a_value_of_another_shape_is_put_right(keys: str, cure: str) -> None:
    """What is meant is clear; what to write is told."""
    assert write(keys) == cure


def test_a_program_that_is_only_its_command_is_put_right() -> None:
    """The shortest file that anybody tries."""
    (problem,) = compiled("programs: {a: sleep 10}").problems

    assert problem.write == "a: {command: sleep 10}"


def test_a_time_that_may_be_a_word_says_so() -> None:
    """`none` and `auto` are found where they are needed."""
    (told,) = messages("supervisor: {shutdown_timeout: none}\nprograms: {}\n")

    assert told.endswith("want a time longer than 0, such as 30s (ms, s, m, h or d), or auto")
