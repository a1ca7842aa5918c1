"""What every backend promises (``backends/protocol.py``), tried on all of them."""

from __future__ import annotations

import signal

import pytest

from hermes_supervise.model.facts import Exit, Process, Sighting
from hermes_supervise.model.phase import Sight
from tests.contract.benches import Bench, other_process

NAME = "chat"


def spawn(bench: Bench, word: str, *arguments: object) -> str:
    """Start a program with a habit and return its run id."""
    run_id = bench.run_id()
    bench.backend.spawn(run_id, 1, NAME, bench.launch(word, *arguments))
    return run_id


def seen(bench: Bench, run_id: str, *sights: Sight, tree: bool = True) -> Sighting:
    """Wait until a run is seen so, and return what is seen."""

    def there() -> bool:
        return bench.backend.look(run_id, tree=tree).sight in sights

    assert bench.until(there), bench.backend.look(run_id, tree=tree)
    return bench.backend.look(run_id, tree=tree)


def alive(bench: Bench, word: str, *arguments: object) -> tuple[str, Process]:
    """Start a program, wait until it lives, and return its run id and identity."""
    run_id = spawn(bench, word, *arguments)
    process = seen(bench, run_id, Sight.ALIVE).process
    assert process is not None
    return run_id, process


# -- making -------------------------------------------------------------------------------------


def test_a_run_that_nobody_ever_asked_for_is_gone(bench: Bench) -> None:
    """There is nothing, and nothing is made up."""
    assert bench.backend.look("never heard of", tree=True) == Sighting(Sight.GONE)


def test_a_spawn_does_not_wait_and_its_answer_wakes(bench: Bench) -> None:
    """A slow disk below one program must not hold up the others."""
    run_id = spawn(bench, "sleeps")

    assert bench.backend.look(run_id, tree=True).sight is Sight.UNOBSERVABLE
    found = seen(bench, run_id, Sight.ALIVE)
    assert found.process is not None
    assert bench.lives(found.process.pid)
    assert found.started_at is not None
    assert bench.until(lambda: run_id in bench.woken)


def test_a_known_run_id_is_not_made_twice(bench: Bench) -> None:
    """Whoever does not know whether he asked asks again; there must be one process."""
    run_id, process = alive(bench, "sleeps")
    bench.backend.spawn(run_id, 2, NAME, bench.launch("sleeps"))
    other, _ = alive(bench, "sleeps")

    assert bench.backend.look(run_id, tree=True).process == process
    bench.backend.signal(run_id, signal.SIGTERM)
    seen(bench, run_id, Sight.GONE)
    assert not bench.lives(process.pid)
    assert bench.backend.look(other, tree=True).sight is Sight.ALIVE


def test_a_spawn_that_fails_says_why(bench: Bench) -> None:
    """No such file is a failure with a sentence, not a crash."""
    run_id = spawn(bench, "no-such-file")

    found = seen(bench, run_id, Sight.SPAWN_FAILED)
    assert found.error.startswith("no such file: no-such-file")
    assert found.process is None
    bench.backend.release(run_id)
    assert bench.backend.look(run_id, tree=True).sight is Sight.GONE


# -- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habit", "end"),
    [
        (("exits", 0), Exit(code=0)),
        (("exits", 75), Exit(code=75)),
        (("dies", 9), Exit(signal=9)),
        (("dies", 11), Exit(signal=11)),
    ],
)
def test_an_end_is_seen_as_it_was(bench: Bench, habit: tuple[str, int], end: Exit) -> None:
    """Code or signal, never both, and never another one."""
    run_id = spawn(bench, *habit)

    assert seen(bench, run_id, Sight.GONE).exit == end


def test_a_signal_reaches_the_main_process_while_it_lives(bench: Bench) -> None:
    """And nobody afterwards, nor for a run that is not known."""
    run_id, _ = alive(bench, "sleeps")

    assert bench.backend.signal(run_id, signal.SIGTERM)
    assert seen(bench, run_id, Sight.GONE).exit == Exit(signal=signal.SIGTERM)
    assert not bench.backend.signal(run_id, signal.SIGTERM)
    assert not bench.backend.signal("never heard of", signal.SIGTERM)


def test_a_released_run_is_forgotten_by_every_later_supervisor(bench: Bench) -> None:
    """Its end is on disk; else the keeper would grow for ever."""
    run_id = spawn(bench, "exits", 3)
    seen(bench, run_id, Sight.GONE)
    bench.backend.release(run_id)
    bench.next_supervisor()
    bench.backend.claim(run_id, None, name=NAME)

    assert seen(bench, run_id, Sight.NEVER_MADE, Sight.GONE).exit is None


# -- trees --------------------------------------------------------------------------------------


def test_what_an_ended_main_process_leaves_behind_is_seen_counted_and_forced(bench: Bench) -> None:
    """Stopped means that the tree is empty."""
    run_id = spawn(bench, "leaves")

    found = seen(bench, run_id, Sight.REMAINS)
    assert found.exit == Exit(code=0)
    assert found.leftovers == 1
    bench.backend.force(run_id, tree=True)
    assert seen(bench, run_id, Sight.GONE).exit == Exit(code=0)


def test_without_the_tree_the_main_process_alone_counts(bench: Bench) -> None:
    """``force: {tree: false}`` leaves the rest in peace, and does not look at it."""
    run_id, process = alive(bench, "family")
    child = bench.child_of(process.pid)
    bench.backend.force(run_id, tree=False)

    assert seen(bench, run_id, Sight.GONE, tree=False).exit == Exit(signal=signal.SIGKILL)
    assert bench.lives(child)
    assert bench.backend.look(run_id, tree=True).sight is Sight.REMAINS


def test_force_ends_a_whole_living_tree(bench: Bench) -> None:
    """Also what is deaf to everything polite."""
    run_id, process = alive(bench, "deaf")
    child = bench.child_of(process.pid)
    bench.backend.force(run_id, tree=True)

    assert seen(bench, run_id, Sight.GONE).exit == Exit(signal=signal.SIGKILL)
    assert bench.until(lambda: not bench.lives(child))
    assert not bench.lives(process.pid)


def test_force_on_a_run_that_is_gone_or_unknown_harms_nobody(bench: Bench) -> None:
    """It may be repeated, and come late."""
    run_id = spawn(bench, "exits", 0)
    seen(bench, run_id, Sight.GONE)
    other, _ = alive(bench, "sleeps")
    bench.backend.force(run_id, tree=True)
    bench.backend.force("never heard of", tree=True)

    assert seen(bench, run_id, Sight.GONE).exit == Exit(code=0)
    assert bench.backend.look(other, tree=True).sight is Sight.ALIVE


def test_who_belongs_to_a_tree_is_known(bench: Bench) -> None:
    """A pid file may name a descendant; a stranger's number there counts for nothing."""
    run_id, process = alive(bench, "family")
    other, _ = alive(bench, "sleeps")
    child, stranger = bench.child_of(process.pid), bench.stranger()
    bench.backend.new_round()

    assert bench.backend.belongs(run_id, process.pid)
    assert bench.backend.belongs(run_id, child)
    assert not bench.backend.belongs(other, child)
    assert not bench.backend.belongs(run_id, stranger)
    assert not bench.backend.belongs("never heard of", child)
    assert child in bench.backend.former_members(run_id)
    assert stranger not in bench.backend.former_members(run_id)


def test_who_was_remembered_is_found_after_the_main_process_is_gone(bench: Bench) -> None:
    """The look before the stop is what finds children without a parent."""
    run_id, process = alive(bench, "family")
    child = bench.child_of(process.pid)
    bench.backend.remember_tree(run_id)
    bench.backend.signal(run_id, signal.SIGKILL)

    found = seen(bench, run_id, Sight.REMAINS)
    assert found.leftovers == 1
    assert bench.lives(child)
    bench.backend.force(run_id, tree=True)
    seen(bench, run_id, Sight.GONE)
    assert bench.until(lambda: not bench.lives(child))


# -- another supervisor, the same keeper --------------------------------------------------------


def test_the_next_supervisor_finds_what_lives(bench: Bench) -> None:
    """The supervisor is expendable."""
    run_id, process = alive(bench, "sleeps")
    bench.next_supervisor()
    bench.backend.claim(run_id, process, name=NAME)

    assert seen(bench, run_id, Sight.ALIVE).process == process
    assert bench.backend.signal(run_id, signal.SIGTERM)
    assert seen(bench, run_id, Sight.GONE).exit == Exit(signal=signal.SIGTERM)


def test_the_next_supervisor_is_told_an_end_that_the_last_one_may_have_missed(bench: Bench) -> None:
    """It is kept until somebody says that it is on disk."""
    run_id, process = alive(bench, "sleeps")
    bench.backend.signal(run_id, signal.SIGKILL)
    seen(bench, run_id, Sight.GONE)
    bench.next_supervisor()
    bench.backend.claim(run_id, process, name=NAME)

    assert seen(bench, run_id, Sight.GONE).exit == Exit(signal=signal.SIGKILL)


def test_a_spawn_whose_answer_was_not_heard_is_found_by_its_run_id(bench: Bench) -> None:
    """Recorded, asked for, and then the supervisor died: it must not be made again."""
    run_id = spawn(bench, "sleeps")
    bench.next_supervisor()
    bench.backend.claim(run_id, None, name=NAME)

    found = seen(bench, run_id, Sight.ALIVE)
    assert found.process is not None
    assert bench.lives(found.process.pid)


def test_a_spawn_that_was_recorded_and_never_asked_for_was_never_made(bench: Bench) -> None:
    """Then it may be made, and only then."""
    bench.next_supervisor()
    bench.backend.claim("recorded", None, name=NAME)

    assert seen(bench, "recorded", Sight.NEVER_MADE).process is None


# -- another keeper -----------------------------------------------------------------------------


def test_the_next_keeper_adopts_what_lives(bench: Bench) -> None:
    """Killing the keeper kills no program, and none is doubled."""
    run_id, process = alive(bench, "sleeps")
    bench.next_keeper()
    bench.backend.claim(run_id, process, name=NAME)

    assert seen(bench, run_id, Sight.ALIVE).process == process
    assert bench.lives(process.pid)
    assert bench.backend.signal(run_id, signal.SIGTERM)
    end = seen(bench, run_id, Sight.GONE).exit
    assert end in (Exit(signal=signal.SIGTERM), Exit()), "true or unknown, never invented"


def test_a_living_run_is_adopted_by_its_run_id_alone(bench: Bench) -> None:
    """Keeper and supervisor died before anybody wrote down which process it is."""
    run_id, process = alive(bench, "sleeps")
    bench.next_keeper()
    bench.backend.claim(run_id, None, name=NAME)

    found = seen(bench, run_id, Sight.ALIVE).process
    assert found is not None
    assert found.pid == process.pid


def test_what_died_while_nobody_looked_has_an_unknown_end(bench: Bench) -> None:
    """Its status went with the keeper."""
    run_id, process = alive(bench, "sleeps")
    bench.backend.signal(run_id, signal.SIGKILL)
    seen(bench, run_id, Sight.GONE)
    bench.next_keeper()
    bench.backend.claim(run_id, process, name=NAME)

    assert seen(bench, run_id, Sight.GONE).exit == Exit()


def test_a_stranger_with_the_same_pid_is_not_adopted_and_not_harmed(bench: Bench) -> None:
    """Identity of a process is never a pid."""
    run_id, _ = alive(bench, "sleeps")
    bench.backend.signal(run_id, signal.SIGKILL)
    seen(bench, run_id, Sight.GONE)
    _, stranger = alive(bench, "sleeps")
    bench.next_keeper()
    impostor = other_process(stranger)
    bench.backend.claim(run_id, impostor, name=NAME)

    assert seen(bench, run_id, Sight.GONE).exit == Exit()
    assert not bench.backend.signal(run_id, signal.SIGKILL)
    bench.backend.force(run_id, tree=True)
    assert bench.lives(stranger.pid)


def test_the_tree_of_an_adopted_run_is_forced_too(bench: Bench) -> None:
    """Its orphans do not come to the new keeper; they are found all the same."""
    run_id, process = alive(bench, "family")
    child = bench.child_of(process.pid)
    bench.next_keeper()
    bench.backend.claim(run_id, process, name=NAME)
    seen(bench, run_id, Sight.ALIVE)
    bench.backend.remember_tree(run_id)
    bench.backend.signal(run_id, signal.SIGKILL)

    seen(bench, run_id, Sight.REMAINS)
    bench.backend.force(run_id, tree=True)
    seen(bench, run_id, Sight.GONE)
    assert bench.until(lambda: not bench.lives(child))
