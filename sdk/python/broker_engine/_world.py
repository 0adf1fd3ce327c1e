"""The interfaces of the engine's world."""

import importlib

_IMPORTS = "wit_world.imports"


def interface(name):
    """Returns the module of an interface. If the world does not import the interface, the returned object
    says so when it is used, so that an engine needs only the interfaces that it uses.

    Call this while a module is loaded: a component can't load modules later.
    """
    module = f"{_IMPORTS}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return _Missing(name)


class _Missing:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        raise RuntimeError(
            f"the engine's world does not import `{self._name}`: add "
            f"`import kubectl-broker:engine/{self._name}@0.2.0;` to wit/world.wit"
        )
