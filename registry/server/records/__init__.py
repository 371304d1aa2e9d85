"""What is registered: one record for each version, in a database. The only home of sqlalchemy."""

from registry.errors import RecordsError
from registry.server.records.database import OlderGenerationError, Records
from registry.server.records.record import Decision, Draft, Filters, Record, Registration, Seen, Work
from registry.server.records.registrations import Registrations

__all__ = [
    "Decision",
    "Draft",
    "Filters",
    "OlderGenerationError",
    "Record",
    "Records",
    "RecordsError",
    "Registration",
    "Registrations",
    "Seen",
    "Work",
]
