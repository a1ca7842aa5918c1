"""
Starts one of our own processes in a bare interpreter (``python -I -S boot.py ROLE …``).

Isolated mode knows no environment variables and no site-packages: what the supervisor consists of
cannot be changed by what a program's owner exports, and starting costs half.  The package is found
beside this file, the standard library by the interpreter itself; only the compiler, which needs
other packages, is told where the command line found them.
"""

import sys

sys.path[0] = __file__.rpartition("/")[0].rpartition("/")[0] or "."


def main(role: str, arguments: list[str]) -> int:
    """Run the part of us that *role* names; return its exit code."""
    if role == "keeper":
        from hermes_supervise.keeper.process import main as keeper  # noqa: PLC0415

        return keeper(arguments)
    if role == "supervisor":
        from hermes_supervise.supervisor import main as supervisor  # noqa: PLC0415

        return supervisor(arguments)
    import os  # noqa: PLC0415

    config, *paths = arguments
    sys.path += [path for path in paths if path not in sys.path]
    from hermes_supervise.config.command import compile_to  # noqa: PLC0415

    return compile_to(config, os.environ, 1, sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
