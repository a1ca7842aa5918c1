"""``ctl reload`` against the real supervisor: what the file says now, and nothing else, changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness import Rig, program, sleeper

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {"start": {"settle": "50ms"}}


def polite(**keys: Any) -> dict[str, Any]:
    """Return a program that ends when asked."""
    return {"command": program("polite"), **QUICK, **keys}


def test_a_reload_adds_removes_and_restarts_only_what_needs_it(rig: Rig) -> None:
    """Everybody else keeps his process."""
    rig.write({"same": polite(), "edited": polite(), "gone": polite(), "stopped": polite()})
    rig.start()
    before = rig.until_settled()
    assert rig.ctl("stop", "stopped").code == 0
    rig.write(
        {
            "same": polite(),
            "edited": polite(environment={"NEW": "1"}),
            "stopped": polite(environment={"NEW": "1"}),
            "added": polite(),
        }
    )
    planned = rig.ctl("reload", "--plan")
    untouched = rig.rows()
    done = rig.ctl("reload")
    rig.until(lambda: "gone" not in rig.rows(), "the removed one gone")
    rig.until_other_run("edited", before["edited"]["pid"])
    after = rig.until_settled()

    assert planned.code == 0, planned
    assert "nothing was changed yet" in planned.out
    for words in ("+ added", "- gone", "~ edited", "environment.NEW added"):
        assert words in planned.out
    assert sorted(untouched) == ["edited", "gone", "same", "stopped"]
    assert untouched["edited"]["pid"] == before["edited"]["pid"]
    assert done.code == 0, done
    assert after["same"]["pid"] == before["same"]["pid"]
    assert after["edited"]["last_exit"]["reason"] == "revision"
    assert after["added"]["phase"] == "running"
    assert after["stopped"]["phase"] == "stopped"
    assert rig.of_program("gone") == []
    (told,) = rig.events("gone", "exit")
    assert (told["reason"], told["data"]["outcome"]) == ("revision", "drained")


def test_a_rule_that_needs_no_restart_holds_at_once(rig: Rig) -> None:
    """A longer drain, or another restart policy, is no reason to drain anything."""
    rig.write({"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "60s"}}})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.write({"a": {"command": program("deaf"), **QUICK, "stop": {"drain_timeout": "300ms"}}})
    done = rig.ctl("reload")
    still = rig.row("a")
    stopped = rig.ctl("stop", "a", "--timeout", "10s")

    assert done.code == 0, done
    assert "= a" in done.out
    assert "stop.drain_timeout: 1m -> 300ms" in done.out
    assert (still["pid"], still["phase"]) == (pid, "running")
    assert stopped.code == 0, stopped


def test_nothing_changed_is_said_and_done(rig: Rig) -> None:
    """A reload of the same file is harmless at any time."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    done = rig.ctl("reload")

    assert done.code == 0
    assert "nothing changed" in done.out
    assert rig.row("a")["pid"] == pid


@pytest.mark.parametrize("broken", ["text", "deleted", "folder", "binary", "empty"])
def test_a_broken_file_changes_nothing(rig: Rig, broken: str) -> None:
    """Exit code 3 with the place of every problem; the programs do not notice."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    match broken:
        case "text":
            rig.config.write_text("programs:\n  a:\n    comand: [x]\n    restart: no\n")
        case "deleted":
            rig.config.unlink()
        case "folder":
            rig.config.unlink()
            rig.config.mkdir()
        case "binary":
            rig.config.write_bytes(bytes(range(256)))
        case _:
            rig.config.write_text("")  # empty
    done = rig.ctl("reload")

    assert done.code == 3, done
    assert "supervisor.yaml" in done.err
    assert "Traceback" not in done.err + rig.text()
    assert rig.row("a")["pid"] == pid
    assert rig.ctl("status", "--check").code == 0
    assert rig.end() == 0


def test_values_of_the_environment_are_never_shown(rig: Rig) -> None:
    """Not by ``reload``, not in the history, not in the log: they are where secrets live."""
    rig.write({"a": polite(environment={"TOKEN": "hidden-one", "OLD": "hidden-two"})})
    rig.start()
    rig.until_settled()
    rig.write({"a": polite(environment={"TOKEN": "hidden-three"})})
    planned = rig.ctl("reload", "--plan")
    done = rig.ctl("reload")
    told = rig.ctl("events", "--json", "-n", "1000").out
    rig.until_settled()

    assert "environment.TOKEN changed" in planned.out
    assert "environment.OLD removed" in planned.out
    for text in (planned.out, planned.err, done.out, done.err, told, rig.text()):
        assert "hidden" not in text
    for path in rig.state.glob("state.db*"):
        assert b"hidden" not in path.read_bytes()


def test_a_glob_that_finds_nothing_any_more_needs_to_be_meant(rig: Rig) -> None:
    """A folder that is not mounted must not drain a fleet."""
    folder = rig.root / "profiles"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
    bots = polite(for_each={"profile": {"glob": "profiles/*"}})
    rig.write({"bot": bots, "other": polite()})
    rig.start()
    before = rig.until_settled()
    folder.rename(rig.root / "unmounted")
    planned = rig.ctl("reload", "--plan")
    refused = rig.ctl("reload")
    kept = rig.rows()
    allowed = rig.ctl("reload", "--allow-empty")
    rig.until(lambda: sorted(rig.rows()) == ["other"], "both drained")

    assert "--allow-empty" in planned.out
    assert refused.code != 0
    assert "bot: for_each finds nothing any more" in refused.err
    assert "--allow-empty" in refused.err
    assert {n: r["pid"] for n, r in kept.items()} == {n: r["pid"] for n, r in before.items()}
    assert allowed.code == 0, allowed
    assert rig.of_program("bot-a") == []


def test_one_value_of_many_that_vanished_is_drained(rig: Rig) -> None:
    """That needs no permission: the others are there."""
    for name in ("a", "b"):
        (rig.root / "profiles" / name).mkdir(parents=True)
    rig.write({"bot": polite(for_each={"profile": {"glob": "profiles/*"}})})
    rig.start()
    rig.until_settled()
    (rig.root / "profiles" / "b").rmdir()
    done = rig.ctl("reload")
    rig.until(lambda: sorted(rig.rows()) == ["bot-a"], "it drained")

    assert done.code == 0, done
    assert "- bot-b" in done.out


def test_a_program_that_leaves_and_comes_back_while_it_drains_runs_again(rig: Rig) -> None:
    """One after the other, never two at a time."""
    slow = {"command": program("slow_in_time", 1.0), **QUICK}
    rig.write({"a": slow, "b": polite()})
    rig.start()
    old = rig.until_settled()["a"]["pid"]
    rig.write({"b": polite()})
    assert rig.ctl("reload").code == 0
    rig.until_phase("a", "draining")
    refused = rig.ctl("start", "a")
    rig.write({"a": slow, "b": polite()})
    assert rig.ctl("reload").code == 0
    during = rig.of_program("a")
    rig.until_other_run("a", old)
    rig.until_settled()

    assert refused.code != 0
    assert "a is no longer in the configuration" in refused.err
    assert during == [old]
    assert len(rig.of_program("a")) == 1


def test_settings_that_need_a_new_start_are_said_and_left(rig: Rig) -> None:
    """Even a supervisor that is killed afterwards keeps its socket where it is."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.write({"a": polite()}, supervisor={"socket": str(rig.root / "t"), "on_exit": "leave"})
    done = rig.ctl("reload")
    old = rig.kill_supervisor()
    rig.until_next_supervisor(old)

    assert done.code == 0, done
    assert (
        f"supervisor.socket: {rig.socket} -> {rig.root / 't'}, from the next start on" in done.out
    )
    assert "supervisor.on_exit: drain -> leave" in done.out
    assert not (rig.root / "t").exists()
    assert rig.row("a")["pid"] == pid
    rig.leaves = True
    assert rig.end() == 1


def test_the_state_folder_cannot_move_under_running_programs(rig: Rig) -> None:
    """Their logs and all that is remembered lie there."""
    rig.write({"a": polite()})
    rig.start()
    pid = rig.until_phase("a", "running")["pid"]
    rig.write({"a": polite()}, supervisor={"state_dir": str(rig.root / "elsewhere")})
    planned = rig.ctl("reload", "--plan")
    refused = rig.ctl("reload")

    assert "supervisor.state_dir: cannot change" in planned.out
    assert refused.code != 0
    assert "supervisor.state_dir: cannot change" in refused.err
    assert not (rig.root / "elsewhere").exists()
    assert rig.row("a")["pid"] == pid


def test_two_reloads_at_once_do_not_mix(rig: Rig) -> None:
    """One is refused, or both are done one after the other; the file holds afterwards."""
    import threading

    rig.write({"a": polite()})
    rig.start()
    rig.until_settled()
    rig.write({"a": polite(), "b": {"command": sleeper(), **QUICK}})
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(rig.ctl("reload").code)) for _ in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rig.until_settled()

    assert 0 in codes
    assert sorted(rig.rows()) == ["a", "b"]
