"""Classifying more pictures than one process should: on all cores, or many machines."""
