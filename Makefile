# `make train` and `make test` do all set-up on a fresh machine: Python 3.11 or newer is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs

# The options of a new run; a run that was begun before is gone on with, never overwritten.
new = $(if $(wildcard $(RUNS)/$(1)/config.toml),--resume,$(2))

.PHONY: train test clean

# The paper's situation: heads pretrained with CLIP's loss at a fixed scale, then GCL from there.
train: $(VENV)/.trains
	$(BIN)/gcl train --out $(RUNS)/lite-clip $(call new,lite-clip,--recipe lite-clip)
	$(BIN)/gcl train --out $(RUNS)/lite-gcl \
	    $(call new,lite-gcl,--recipe lite-gcl --init $(RUNS)/lite-clip)

test: $(VENV)/.tests
	$(BIN)/python -m pytest

# What training needs, and all that tests need.
$(VENV)/.trains: extras = torch,data
$(VENV)/.tests: extras = dev
$(VENV)/.trains $(VENV)/.tests: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(extras)]"
	@touch $@

clean:
	rm -rf $(VENV)
