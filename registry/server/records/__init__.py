"""What is registered: one record for each version, in a database. The only home of sqlalchemy."""

from registry.server.records.database import OlderGenerationError, Records, RecordsError
from registry.server.records.record import Draft, Filters, Record, is_same

__all__ = ["Draft", "Filters", "OlderGenerationError", "Record", "Records", "RecordsError", "is_same"]
