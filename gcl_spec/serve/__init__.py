"""A web page, and an API in JSON, that search an index (`gcl serve`)."""
