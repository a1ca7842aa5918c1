"""The parts of the reference page that no model can tell."""

from __future__ import annotations

from hermes_supervise.plan.environment import SHORT_LIST

BEFORE = """
# The configuration file

<!-- Made by `python -m hermes_supervise.config.document`; a test fails when it is out of date. -->

One YAML file says which programs run. `hermes-supervise check FILE` reports every problem of it at
once, each with its place, what is wanted and what to write. `hermes-supervise schema` prints the
JSON Schema for editors, which is also in [config.schema.json](config.schema.json).

```yaml
supervisor:
  on_exit: drain
defaults:
  stop: {drain_timeout: 30s}
programs:
  chat:
    command: [my-gateway, --port, "8700"]
    stop:
      marker: {path: planned-stop.json}
```

## How values are written

- **Times** have a unit: `250ms`, `30s`, `5m`, `2h`, `1d`. A bare number is an error.
- **Paths** are relative to the folder of the file; those under `stop`, `owner` and `logs` are
  relative to the program's `directory`. `~` is the home of the program's user. The folder is that
  of the path by which the file was named: a link to the file is not followed.
- **`${VAR}`** in any text is the variable of the supervisor's environment at its start, else of the
  program's `environment_file`. `${VAR:-default}` takes the default where it is not set, or empty. A
  variable that is not set and has no default is an error. `$$` is a dollar, and `$${VAR}` is
  `${VAR}` as it stands. What was filled in is not looked at again. A `command` that is one text is
  split before it is filled in.
- **`${HERMES_SUPERVISE_PYTHON}`** is the Python interpreter that runs the supervisor, unless the
  environment says otherwise.
- **`none`** switches a section off. A heading with nothing below it counts as if it were not there.
- Arguments and environment values may be plain numbers such as `8700`. What YAML would read as
  something else than it looks like (`010`, `1:30`, `0x1F`, a date) is an error everywhere.
- Anchors, aliases and merge keys (`<<`) work inside of the known keys.

## Environment files

Lines of `KEY=VALUE`. A comment begins with `#`; `export ` before the key is allowed. A value in
single quotes is taken as it is; in double quotes `\\n`, `\\t`, `\\r`, `\\"`, `\\$` and `\\\\` are
known; without quotes it ends at ` #`. Nothing is expanded. A file that is missing is an error.

## Programs and defaults

`defaults` may hold any key of a program. It is merged under every program: mappings merge key by
key, everything else replaces. A probe or an owner of another kind replaces that of the defaults.

The name of a program has a-z, 0-9, `-` and `_`, begins with a letter or digit and has at most 63
characters. It is not `all`, and no device of Windows (`con`, `nul`, `com1` and the like).

With `for_each` a program is multiplied, once for each value of one key. `{KEY}` is replaced in
every text of the program; other braces are left alone. The name is the program's name, `-`, and the
value in lower case, with every run of other characters as `-`. `{glob: PATTERN}` has exactly one
`*`; what it matches are the values. A leading dot must be written. A pattern that matches nothing
is allowed, and reported.
"""

PLACES = f"""
## What a program inherits

With `inherit_environment: true` everything but the variables that a service manager set for the
supervisor itself (such as `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `LISTEN_FDS`, `INVOCATION_ID`) and
those that begin with `HERMES_SUPERVISE_`. With `false` only {", ".join(SHORT_LIST)}.
Then come HOME, USER and LOGNAME of `user`, the environment files in their order, and `environment`;
later wins. Last come `HERMES_SUPERVISE_NAME`, `HERMES_SUPERVISE_RUN_ID`,
`HERMES_SUPERVISE_SOCKET` and, when it has a marker, `HERMES_SUPERVISE_MARKER`.

## Where things are, if the file does not say

`ID` is 16 hex digits of SHA-256 of the real path of the file.

- **State**: `/var/lib/hermes-supervise/ID` for root, else `$XDG_STATE_HOME/hermes-supervise/ID`,
  where `$XDG_STATE_HOME` is `~/.local/state` if it is not set.
- **Socket**: `control.sock` in the runtime folder, which is `/run/hermes-supervise/ID` for root,
  else `$XDG_RUNTIME_DIR/hermes-supervise/ID`, else `hermes-supervise-UID/ID` in the temporary
  folder.
- **Address**: one line in `address` of the runtime folder says where the socket is, whatever
  `socket` says.
- **Logs**: `STATE/logs/NAME.log`.

On macOS the state of ordinary users is below `~/Library/Application Support`.

## What contradicts itself

Some values are right alone and wrong together: `stop.drain_limit` below `stop.drain_timeout`,
`backoff.first` above `backoff.limit`, `start.settle` above `start.timeout`, `give_up.retry_after`
below `give_up.within`, `shutdown_timeout` below the longest stop of a program, one exit code in two
lists, a stop with neither marker nor signal, a file that must be gone (`exists: false`) with
`max_age` or `json`, a `touch` marker with a `target`, two programs with one marker or one log file.
All of these are errors.
"""
