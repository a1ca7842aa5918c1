"""
The compiled plan: its file form, its digest, the difference of two plans, places, environment.

The long-running supervisor and ``ctl`` import this room, so nothing here imports yaml or pydantic.
"""
