"""
The environment of a program: what it inherits, what the file says, what we tell it. Pure.

The hot path is one call a spawn, so the inherited part is prepared once (``inheritable``).
"""

from __future__ import annotations

from collections.abc import Mapping

from hermes_supervise.model.spec import Launch

OWN_PREFIX = "HERMES_SUPERVISE_"
"""Variables of a supervisor above us speak of another program and another socket."""

SCRUBBED: dict[str, str] = {
    "INVOCATION_ID": "systemd: makes a Hermes gateway believe that systemd is its parent",
    "JOURNAL_STREAM": "systemd: names our stderr, and makes loggers speak journal to a file",
    "LOG_NAMESPACE": "systemd: names our journal",
    "NOTIFY_SOCKET": "systemd: READY=1 or STOPPING=1 of a program would be taken for ours",
    "WATCHDOG_PID": "systemd: our watchdog, not the program's",
    "WATCHDOG_USEC": "systemd: makes a Hermes gateway feed a watchdog that nobody reads",
    "LISTEN_FDS": "systemd: descriptors that only we were handed",
    "LISTEN_FDNAMES": "systemd: descriptors that only we were handed",
    "LISTEN_PID": "systemd: descriptors that only we were handed",
    "LISTEN_PIDFDID": "systemd: descriptors that only we were handed",
    "FDSTORE": "systemd: room for our descriptors",
    "MAINPID": "systemd: our pid, and a program might send signals to it",
    "MANAGERPID": "systemd: our manager",
    "MANAGERPIDFDID": "systemd: our manager",
    "SYSTEMD_EXEC_PID": "systemd: says that we were started by a manager; the program was not",
    "MEMORY_PRESSURE_WATCH": "systemd: the pressure file of our cgroup",
    "MEMORY_PRESSURE_WRITE": "systemd: the pressure file of our cgroup",
    "CREDENTIALS_DIRECTORY": "systemd: our secrets; name it under `environment` to pass it on",
    "STATE_DIRECTORY": "systemd: a program would keep its state among ours",
    "CACHE_DIRECTORY": "systemd: a program would keep its cache among ours",
    "LOGS_DIRECTORY": "systemd: a program would log among our files",
    "RUNTIME_DIRECTORY": "systemd: a program would put its sockets among ours",
    "CONFIGURATION_DIRECTORY": "systemd: our configuration, not the program's",
    "XPC_SERVICE_NAME": "launchd: the name of our job",
    "SUPERVISOR_ENABLED": "supervisord: says that supervisord is the parent",
    "SUPERVISOR_GROUP_NAME": "supervisord: our name there",
    "SUPERVISOR_PROCESS_NAME": "supervisord: our name there",
    "SUPERVISOR_SERVER_URL": "supervisord: its control address",
    "_HERMES_GATEWAY": "Hermes: we were started from inside a gateway; its commands refuse",
    "HERMES_S6_SUPERVISED_CHILD": "Hermes: set by its s6 scripts; says that s6 is the parent",
    "HERMES_SUPERVISED_CHILD": "Hermes: set by another supervisor of gateways; pins its profile",
}
"""What is not handed on from our own surroundings, with the reason.

Whoever wants one of these in a program names it under ``environment``, which is never scrubbed.
"""

SHORT_LIST = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR")
"""All that is inherited with ``inherit_environment: false``."""


class Inherited(dict[str, str]):
    """A scrubbed environment; ``short`` is its short list."""

    __slots__ = ("short",)

    def __init__(self, scrubbed: dict[str, str]) -> None:
        super().__init__(scrubbed)
        self.short = {key: self[key] for key in SHORT_LIST if key in self}


def inheritable(environ: Mapping[str, str]) -> Inherited:
    """Return what programs may inherit of *environ*; make it once and use it for every spawn."""
    return Inherited(
        {
            key: value
            for key, value in environ.items()
            if key not in SCRUBBED and not key.startswith(OWN_PREFIX)
        }
    )


def own_variables(launch: Launch, name: str, run_id: str, socket: str) -> dict[str, str]:
    """
    Return what a run gets over what it inherits: the file's variables, and ours.

    Args:
        launch: What the configuration says.
        name: The program's name.
        run_id: The name of this run; the same value is never used twice.
        socket: The control socket of this supervisor.
    """
    result = dict(launch.environment)
    result["HERMES_SUPERVISE_NAME"] = name
    result["HERMES_SUPERVISE_RUN_ID"] = run_id
    result["HERMES_SUPERVISE_SOCKET"] = socket
    if launch.marker is not None:
        result["HERMES_SUPERVISE_MARKER"] = launch.marker.path
    else:
        # The file may name another program's marker; nobody will ever write one for this program.
        result.pop("HERMES_SUPERVISE_MARKER", None)
    return result


def inherited_by(launch: Launch, inherited: Inherited) -> dict[str, str]:
    """Return what a program inherits."""
    return inherited if launch.inherit_environment else inherited.short


def program_environment(
    launch: Launch, name: str, run_id: str, inherited: Mapping[str, str], socket: str
) -> dict[str, str]:
    """
    Return the whole environment of one run of a program.

    The arguments are those of ``own_variables``; *inherited* is best an ``Inherited``, any other
    mapping is scrubbed here.
    """
    prepared = inherited if isinstance(inherited, Inherited) else inheritable(inherited)
    return inherited_by(launch, prepared) | own_variables(launch, name, run_id, socket)
