"""A web page, and an API in JSON, that search an index (`gcl serve`).

Start reading at `app`, which has the addresses, and `service`, which asks the index.
"""
