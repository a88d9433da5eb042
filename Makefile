# `make train` and `make test` do all set-up on a fresh machine: Python 3.11 or newer is enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs
# Where `make search` puts the index of DIR.
INDEX ?= $(RUNS)/pictures
# A build of torch that the locks do not know: TORCH='torch==2.13.0'. See scripts/install.sh.
export TORCH

# The options of a new run; a run that was begun before is gone on with, never overwritten.
new = $(if $(wildcard $(RUNS)/$(1)/config.toml),--resume,$(2))

.PHONY: train test search lock sbom clean

# The paper's situation: heads pretrained with CLIP's loss at a fixed scale, then GCL from there; and
# beside it the default, which did best on these pictures.
train: $(VENV)/.trains
	$(BIN)/gcl train --out $(RUNS)/lite-clip $(call new,lite-clip,--recipe lite-clip)
	$(BIN)/gcl train --out $(RUNS)/lite-gcl \
	    $(call new,lite-gcl,--recipe lite-gcl --init $(RUNS)/lite-clip)
	$(BIN)/gcl train --out $(RUNS)/lite $(call new,lite,--recipe lite)
	$(BIN)/gcl compare $(RUNS)/lite-clip $(RUNS)/lite-gcl $(RUNS)/lite --pool global

test: $(VENV)/.tests
	$(BIN)/python -m pytest

# A folder of pictures, captions and texts, DIR, on a page of this machine.
ifeq ($(filter search,$(MAKECMDGOALS))$(DIR),search)
$(error name your folder: make search DIR=~/Pictures)
endif
search: $(VENV)/.trains
	test -e $(RUNS)/lite/after.json || $(MAKE) train
	$(BIN)/gcl index $(RUNS)/lite "$(DIR)" --out $(INDEX) --update
	$(BIN)/gcl serve $(INDEX)

# What training needs, and all that tests need: from the locks, each file by its hash.
$(VENV)/.trains: lock = train
$(VENV)/.tests: lock = dev
$(VENV)/.trains $(VENV)/.tests: pyproject.toml scripts/install.sh $(wildcard locks/*.txt)
	$(PYTHON) -m venv $(VENV)
	bash scripts/install.sh $(BIN) $(lock)
	@touch $@

# After a change of the dependencies in pyproject.toml, or of constraints.txt.
lock:
	test -x $(BIN)/uv || $(MAKE) $(VENV)/.tests
	$(BIN)/python scripts/lock.py

# The software bill of materials (CycloneDX) of what the locks install.
sbom: $(VENV)/.tests
	$(BIN)/python scripts/sbom.py

clean:
	rm -rf $(VENV)
