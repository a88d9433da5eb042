"""Makes samples into the arrays that a model takes.

Start reading at `collate`, which makes a batch; `recipes` says what each kind of model wants of
pictures (`pictures`, `checkpoint_pictures`) and texts (`tokenizer`).
"""
