"""A data set out of the record and back into it: one ZIP, one format."""
