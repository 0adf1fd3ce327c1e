"""The options of a request."""


class Settings:
    """The options of a request, by name: ``Settings(request.options).get("region")``."""

    def __init__(self, options):
        self._values = {option.name: option.value.value for option in options}

    def get(self, name, default=None):
        """Returns the value of an option, or ``default``. Values are text, numbers or booleans."""
        return self._values.get(name, default)
