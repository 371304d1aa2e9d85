"""The embedded endpoint: the registration API and the catalog, for one machine."""
