"""The results of verbs: ``return report.text("the vault is sealed")``."""

from wit_world.exports.operations import Report_Backups, Report_Done, Report_Items, Report_Text


def done():
    """Returns the result of a verb without output."""
    return Report_Done()


def text(text):
    return Report_Text(text)


def backups(backups):
    """Returns backups, shown like those of ``list``."""
    return Report_Backups(list(backups))


def items(items):
    """Returns the things that the verb worked on, each a :func:`broker_engine.check`.

    If some of them failed, the command ends as partly done."""
    return Report_Items(list(items))
