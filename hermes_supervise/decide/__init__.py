"""The pure core: what to do next, from what is wanted, what is seen and what is remembered."""

from hermes_supervise.decide.again import new_world, resume
from hermes_supervise.decide.core import decide, wake_time

__all__ = ["decide", "new_world", "resume", "wake_time"]
