"""The messages that the ferry line sends to its passengers: the second domain of the demo project."""
import gettext
from string import Template

_ = gettext.gettext
ngettext = gettext.ngettext


def confirmation(code, name, tickets):
    """A mail in HTML."""
    return "\n".join([
        "<h1>" + _("Booking {code} is confirmed").format(code=code) + "</h1>",
        _("Dear %(name)s,") % {"name": name},
        ngettext("%(count)d ticket is attached.", "%(count)d tickets are attached.", tickets) % {"count": tickets},
        _("<b>Please note:</b> boarding ends 20 minutes before departure."),
        _("Cars &amp; bicycles board first."),
        # TRANSLATORS: {{booking_link}} is filled in by the mail server.
        _('To change or cancel: <a href="{{booking_link}}">your booking</a>'),
        _("See you on board!"),
    ])


def delay(departure, pier, minutes):
    """A text message."""
    return (_("Your ferry at {0} is late by {1} min.\nWe are sorry.\n").format(departure, minutes)
            + Template(_("It leaves from pier $pier.")).substitute(pier=pier))


def weather(force, gusts):
    """A line for the notice board."""
    return _("Wind force %d, gusts up to %d: rough crossing") % (force, gusts)
