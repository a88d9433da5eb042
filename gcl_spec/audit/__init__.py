"""What `gcl data check` finds in training data before a run.

Start reading at `findings`; `false_negatives` reckons how often negatives answer to their query.
"""
