"""`/api/v1`: for programs, what the page offers to people.

A second door to the same rooms, not a second application: intake, limits, transactions
and words are those of the page. `table.py` lists every endpoint; the routes and the
document that describes them (`document.py`) follow from it. `door.py` says who may ask.
"""
