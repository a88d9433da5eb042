"""Which samples a step gets, and how they are ready in time.

Start reading at `order`, a pure function of seed and step, and `batches`, which makes a batch;
`prefetch` makes batches ahead in threads or processes.
"""
