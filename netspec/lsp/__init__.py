"""The language server: what the compiler knows of a spec, told to an editor while it is typed.

`server.py` speaks the protocol. Each feature is a module with a function from a `LiveText`, what is known of a text,
and a place in it to the protocol's values, so that it is tested without a wire.
"""
