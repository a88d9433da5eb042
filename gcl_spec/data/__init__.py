"""Samples of training data, from every layout on disk that is read.

Start reading at `source`, what every kind of data is to the trainer, and `open`, which finds the
kind; `formats` has a module for each layout, `prepare` makes arrays of samples.
"""
