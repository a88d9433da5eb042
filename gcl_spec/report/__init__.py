"""What people read of a run: tables and a page.

Start reading at `tables`; `html` makes the page report.html.
"""
