"""Layers and parts of recipes of one's own: imported when a person or a program asks for it, checked, asked with care.

`importing.py` finds them by the name of a module or a distribution, `registration.py` says whether a class can be a
layer or a part of a recipe, `asking.py` calls their code so that its faults are reported as faults of that code, and
`recipes.py` asks what recipes need.
"""
