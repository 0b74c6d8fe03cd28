"""Files dropped by people."""
