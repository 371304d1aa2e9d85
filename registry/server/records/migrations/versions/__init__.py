"""One step in each module; never changed once it has been released."""
