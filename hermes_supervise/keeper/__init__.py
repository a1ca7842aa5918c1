"""
The keeper: the parent of every program, and as dumb as a parent can be.

It spawns what it is asked to spawn, holds, reaps, remembers every end until it is told that the
end is on disk, and starts the supervisor again when that dies.  It knows no policy and imports
nothing but the standard library, so that there is next to nothing in it that could fail.
"""
