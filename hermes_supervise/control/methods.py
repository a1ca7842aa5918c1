"""
What the control server answers.

A request changes intent, or asks; it never does anything to a program itself.  Whoever follows is
told whenever the reconciler says that a program changed.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from dataclasses import replace

from hermes_supervise import clock
from hermes_supervise.control import protocol
from hermes_supervise.control.names import programs_named
from hermes_supervise.control.peers import Peer, may_do_everything
from hermes_supervise.control.protocol import RpcError
from hermes_supervise.control.server import Client
from hermes_supervise.control.verdict import verdict_of
from hermes_supervise.entry import Entry
from hermes_supervise.model.decision import Event
from hermes_supervise.model.errors import StoreError
from hermes_supervise.model.intent import Intent
from hermes_supervise.model.phase import LIVING, Phase
from hermes_supervise.record.board import row
from hermes_supervise.record.rows import Told
from hermes_supervise.record.store import Record

TYPE_CHECKING = False
if TYPE_CHECKING:  # the supervisor is put together from us
    from hermes_supervise.supervisor import Supervisor

FROM_INSIDE = frozenset({"status", "stop", "restart", "follow"})
"""What a program may ask about itself when it runs as another user."""

ASKED_PHASES = (Phase.EXITED, Phase.FAILED, Phase.BACKOFF, Phase.WAITING)
"""Where a start that finds the program already wanted means: try again now."""

LARGEST_ID = (1 << 63) - 1
"""No event has a larger number."""

MOST_EVENTS = 10_000
"""Events in one answer."""


class Methods:
    """Answers requests for a supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.s = supervisor
        self.followers: dict[Client, list[Callable[[set[str]], None]]] = {}
        self.event_followers: dict[Client, tuple[int, list[str] | None]] = {}

    def answer(self, client: Client, ident: object, method: str, params: dict[str, object]) -> None:
        """Answer one request, or raise RpcError."""
        self._authorise(client, method, params)
        if self.s.shutdown.how and method in ("start", "restart", "reload"):
            raise RpcError(protocol.REFUSED, "the supervisor is shutting down")
        call: Callable[[Client, object, dict[str, object]], None] = getattr(self, f"_{method}")
        try:
            call(client, ident, params)
        except StoreError as problem:
            raise RpcError(protocol.REFUSED, f"the history cannot be read: {problem}") from None

    def trusts(self, peer: Peer) -> bool:
        """Whether a client may do everything."""
        return may_do_everything(peer, self.s.plan.settings.socket_gid)

    def _authorise(self, client: Client, method: str, params: dict[str, object]) -> None:
        if self.trusts(client.peer):
            return
        name = self.s.program_of(client.peer.pid)
        named = params.get("names", list(params.get("programs") or {}))  # type: ignore[call-overload]
        if name is not None and method in FROM_INSIDE and named == [name]:
            return
        raise RpcError(protocol.NOT_PERMITTED, f"uid {client.peer.uid} may not ask for {method}")

    # -- asking ---------------------------------------------------------------------------------

    def _named(self, params: dict[str, object], *, empty_is_all: bool = False) -> list[Entry]:
        entries = self.s.reconciler.entries
        groups = {name: entry.program.group for name, entry in entries.items()}
        names = params["names"]
        wanted = names if isinstance(names, list) else []
        return [entries[n] for n in programs_named(wanted, groups, empty_is_all=empty_is_all)]

    def _named_in_file(self, params: dict[str, object]) -> list[Entry]:
        """Return those that can be started; what has left the file is only being drained."""
        named = self._named(params)
        entries = [entry for entry in named if entry.in_file]
        if named and not entries:
            words = f"{named[0].program.name} is no longer in the configuration"
            raise RpcError(protocol.REFUSED, words)
        return entries

    def _row(self, entry: Entry) -> dict[str, object]:
        desired = entry.desired(self.s.reconciler.around)
        return row(entry.program, desired, entry.memory, clock.now(), up=entry.up())

    def _status(self, client: Client, ident: object, params: dict[str, object]) -> None:
        entries = self._named(params, empty_is_all=True)
        rows = [self._row(entry) for entry in entries]
        about = {"format": 1, "supervisor": self.s.about()}
        self._chunked(client, ident, about, "programs", rows)

    def _chunked(
        self,
        client: Client,
        ident: object,
        head: dict[str, object],
        key: str,
        rows: list[dict[str, object]],
    ) -> None:
        size = protocol.ROWS_PER_CHUNK
        for start in range(0, max(len(rows), 1), size):
            chunk = {key: rows[start : start + size], "more": start + size < len(rows)}
            client.put(protocol.response(ident, head | chunk))

    def _logs(self, client: Client, ident: object, params: dict[str, object]) -> None:
        rows = []
        for entry in self._named(params):
            logs = entry.program.launch.logs
            place: dict[str, object] = {"name": entry.program.name, "mode": logs.mode}
            rows.append(place | {"path": logs.path, "stderr": logs.stderr})
        client.put(protocol.response(ident, {"programs": rows}))

    def _events(self, client: Client, ident: object, params: dict[str, object]) -> None:
        names = self._event_names(params["name"])
        after = params["after"] if isinstance(params["after"], int) else None
        if after is not None:
            after = min(max(after, 0), LARGEST_ID)
        limit = min(max(int(str(params["limit"])), 0), MOST_EVENTS)
        newest = self.s.store.last_event()
        found = self.s.store.events(names, after=after, limit=limit)
        self._chunked(client, ident, {}, "events", found)
        if not params["follow"] or not client.open:
            return
        if after is not None:
            # Nothing may be missing between what was asked for and what follows.
            newest = int(str(found[-1]["id"])) if found else after
        self._follows_events(client, newest, names)

    def _follows_events(self, client: Client, after: int, names: list[str] | None) -> None:
        if client not in self.event_followers:
            client.left.append(lambda: self._forget(client))
        self.event_followers[client] = (after, names)
        self.told()

    def _event_names(self, name: object) -> list[str] | None:
        if not isinstance(name, str):
            return None
        entries = self.s.reconciler.entries
        groups = {n: entry.program.group for n, entry in entries.items()}
        try:
            return programs_named([name], groups, empty_is_all=False)
        except RpcError:
            if self.s.store.events([name], after=None, limit=1):
                return [name]  # it has left the file, its history has not
            raise

    # -- following ------------------------------------------------------------------------------

    def changed(self, names: set[str]) -> None:
        """Tell everybody who follows one of these programs."""
        for calls in list(self.followers.values()):
            for call in list(calls):
                call(names)

    def told(self) -> None:
        """Tell everybody who follows events what has been recorded since."""
        for client, (after, names) in list(self.event_followers.items()):
            newest = after
            for event in self._events_after(after, names):
                newest = int(str(event["id"]))
                client.put(protocol.notification("event", event))
            if client in self.event_followers:
                self.event_followers[client] = (newest, names)

    def _events_after(self, after: int, names: list[str] | None) -> list[dict[str, object]]:
        try:
            return self.s.store.events(names, after=after, limit=MOST_EVENTS)
        except StoreError:  # the next round may read it again
            return []

    def _forget(self, client: Client) -> None:
        self.followers.pop(client, None)
        self.event_followers.pop(client, None)

    def _follows(self, client: Client, call: Callable[[set[str]], None]) -> None:
        if client not in self.followers:
            client.left.append(lambda: self._forget(client))
        self.followers.setdefault(client, []).append(call)

    def _watch(self, client: Client, _ident: object, params: dict[str, object]) -> None:
        entries = self._named(params, empty_is_all=True)
        watched = {entry.program.name for entry in entries}
        everything = not params["names"]

        def tell(names: set[str]) -> None:
            for name in names:
                entry = self.s.reconciler.entries.get(name)
                if entry is not None and (everything or name in watched):
                    client.put(protocol.notification("row", {"program": self._row(entry)}))
                elif entry is None and name in watched:
                    client.put(protocol.notification("gone", {"name": name}))
            client.put(protocol.notification("supervisor", self.s.about()))

        tell(watched)
        self._follows(client, tell)

    def _follow(self, client: Client, ident: object, params: dict[str, object]) -> None:
        kind = params["kind"]
        programs = params["programs"]
        if kind not in ("start", "stop", "restart") or not isinstance(programs, dict):
            raise RpcError(protocol.INVALID_PARAMS, "kind: want start, stop or restart")
        verdicts: dict[str, tuple[str, str]] = dict.fromkeys(map(str, programs), ("pending", ""))
        shown: dict[str, object] = {}

        def tell(names: set[str]) -> None:
            for name in [n for n in verdicts if n in names]:
                if verdicts[name][0] != "pending":
                    continue
                entry = self.s.reconciler.entries.get(name)
                verdict = self._verdict(str(kind), entry)
                shown_row = {"name": name} if entry is None else self._row(entry)
                if verdict[0] != "pending" or shown_row != shown.get(name):
                    shown[name] = shown_row
                    verdicts[name] = verdict
                    body = {"program": shown_row, "verdict": verdict[0], "note": verdict[1]}
                    client.put(protocol.notification("progress", body))
            if verdicts is not None and all(v != "pending" for v, _ in verdicts.values()):
                calls = self.followers.get(client, [])
                if tell in calls:
                    calls.remove(tell)
                rows = [
                    {"name": name, "verdict": v, "note": note}
                    for name, (v, note) in verdicts.items()
                ]
                client.put(protocol.response(ident, {"programs": rows}))

        self._follows(client, tell)
        tell(set(verdicts))

    def _verdict(self, kind: str, entry: Entry | None) -> tuple[str, str]:
        if entry is None:
            return verdict_of(kind, None, up=False, heard=True)
        wanted = entry.desired(self.s.reconciler.around)
        heard = not wanted.up or entry.memory.revision == wanted.revision
        return verdict_of(kind, entry.memory, up=entry.up(), heard=heard)

    # -- changing intent ------------------------------------------------------------------------

    def _change(
        self,
        client: Client,
        ident: object,
        kind: str,
        entries: list[Entry],
        change: Callable[[Entry], Intent],
    ) -> None:
        """Record new intents, then wake the programs, then answer."""
        now, by = clock.now(), str(client.peer)
        record = Record()
        for entry in entries:
            name = entry.program.name
            intent = change(entry)
            record.intents[name] = (intent, now.wall, by)
            event = Event(kind=f"asked-{kind}", data=_asked(intent, entry))
            record.events.append(Told(at=now.wall, program=name, event=event, by=by))
        try:
            self.s.ledger.commit(record, must=True)
        except StoreError as problem:
            text = f"not recorded, so nothing was done: {problem}"
            raise RpcError(protocol.NOT_RECORDED, text) from None
        runs: dict[str, object] = {}
        for entry in entries:
            name = entry.program.name
            runs[name] = entry.memory.run_id if entry.memory.phase in LIVING else None
            entry.intent = record.intents[name][0]
        self.s.reconciler.rethink(runs)
        client.put(protocol.response(ident, {"format": 1, "kind": kind, "programs": runs}))

    def _start(self, client: Client, ident: object, params: dict[str, object]) -> None:
        entries = self._named_in_file(params)

        def change(entry: Entry) -> Intent:
            again = not entry.up() or entry.memory.phase in ASKED_PHASES
            generation = entry.intent.generation + again
            return Intent(up=True, generation=generation)

        self._change(client, ident, "start", entries, change)

    def _stop(self, client: Client, ident: object, params: dict[str, object]) -> None:
        force, timeout = bool(params["force"]), params["drain_timeout"]
        if isinstance(timeout, int | float) and timeout < 0:
            raise RpcError(protocol.INVALID_PARAMS, "drain_timeout: got less than 0 s")

        def change(entry: Entry) -> Intent:
            run_id = entry.memory.run_id
            intent = replace(entry.intent, up=False)
            if force:
                intent = replace(intent, force_run=run_id)
            if isinstance(timeout, int | float):
                intent = replace(intent, drain_run=run_id, drain_timeout=float(timeout))
            return intent

        self._change(client, ident, "stop", self._named(params), change)

    def _restart(self, client: Client, ident: object, params: dict[str, object]) -> None:
        entries = self._named_in_file(params)

        def change(entry: Entry) -> Intent:
            force_run = entry.memory.run_id if params["force"] else None
            generation = entry.intent.generation + 1
            return Intent(up=True, generation=generation, force_run=force_run)

        self._change(client, ident, "restart", entries, change)

    # -- the rest -------------------------------------------------------------------------------

    def _signal(self, client: Client, ident: object, params: dict[str, object]) -> None:
        number = _signal_named(str(params["signal"]))
        sent, failed = self.s.send_signal(self._named(params), number, str(client.peer))
        client.put(protocol.response(ident, {"sent": sent, "failed": failed}))

    def _reload(self, client: Client, ident: object, params: dict[str, object]) -> None:
        self.s.reloader.reload(
            plan_only=bool(params["plan_only"]),
            allow_empty=bool(params["allow_empty"]),
            by=str(client.peer),
            done=lambda result: _finish(client, ident, result),
        )

    def _shutdown(self, client: Client, ident: object, params: dict[str, object]) -> None:
        pids = self.s.pids()
        client.put(protocol.response(ident, {"pids": pids}))
        self.s.shutdown.begin("leave" if params["leave"] else "drain", by=str(client.peer))


def _signal_named(word: str) -> signal.Signals:
    """Return a signal by its name, with or without SIG, or by its number."""
    name = word.upper()
    number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
    with contextlib.suppress(ValueError):
        number = signal.Signals(int(word)) if number is None else number
    if not isinstance(number, signal.Signals):
        raise RpcError(protocol.INVALID_PARAMS, f"no such signal: {word}")
    return number


def _asked(intent: Intent, entry: Entry) -> dict[str, object] | None:
    data: dict[str, object] = {}
    if intent.force_run is not None and intent.force_run == entry.memory.run_id:
        data["force"] = True
    if intent.drain_run == entry.memory.run_id and intent.drain_timeout is not None:
        data["drain_timeout_s"] = intent.drain_timeout
    return data or None


def _finish(client: Client, ident: object, result: dict[str, object] | RpcError) -> None:
    if isinstance(result, RpcError):
        client.put(protocol.error(ident, result))
    else:
        client.put(protocol.response(ident, result))
