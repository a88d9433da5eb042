"""TinyCLIP (Wu et al. 2023, arXiv 2309.12314) in its original layout, made into a folder of ours.

Start reading at `convert`. `names` takes the prefixes off the weights, `shape` finds from them what
the model is made of, `settings` writes that as a config.json, `words` finds the tokenizer.
"""
