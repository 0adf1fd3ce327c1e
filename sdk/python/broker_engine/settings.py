"""The options that a request brings."""


class Settings:
    """The options of a request, by name: ``Settings(request.options).get("region")``."""

    def __init__(self, options):
        self._values = {option.name: option.value.value for option in options}

    def get(self, name, default=None):
        """The value of an option: text, a number or a truth value; ``default`` where it was not given."""
        return self._values.get(name, default)
