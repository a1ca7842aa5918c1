"""
Starts one of our own processes in a bare interpreter (``python -I -S boot.py ROLE …``).

Isolated mode knows no environment variables and no site-packages: what the supervisor consists of
cannot be changed by what a program's owner exports, and starting costs half.  The package is found
beside this file, the standard library by the interpreter itself.
"""

import sys

sys.path[0] = __file__.rpartition("/")[0].rpartition("/")[0] or "."

if __name__ == "__main__":
    role = sys.argv[1]
    if role == "keeper":
        from hermes_supervise.keeper.process import main
    else:
        from hermes_supervise.supervisor import main
    sys.exit(main(sys.argv[2:]))
