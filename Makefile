# `make train` and `make test` do all set-up on a fresh machine: Python 3.11 or newer is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs

.PHONY: train test clean

# The paper's situation: heads pretrained with CLIP's loss at a fixed scale, then GCL from there.
train: $(VENV)/.ready
	@rm -rf $(RUNS)/lite-clip $(RUNS)/lite-gcl
	$(BIN)/gcl train --recipe lite-clip --out $(RUNS)/lite-clip
	$(BIN)/gcl train --recipe lite-gcl --init $(RUNS)/lite-clip --out $(RUNS)/lite-gcl

test: $(VENV)/.ready
	$(BIN)/python -m pytest

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV)
