"""The process of one measurement, which takes a request and gives its answer as a line of JSON.

    python -m gcl_spec.bench.worker

The request is {"do": "list" or "measure", "case": fields of `gcl_spec.bench.measure.Case`}, or
{"do": "search", "case": fields of `gcl_spec.bench.search.SearchCase`}. The answer is {"found": ...}
or {"error": reason, "kind": class of the error}.
"""

import json
import os
import threading
from typing import Any

from gcl_spec import registry
from gcl_spec.backend import Candidate
from gcl_spec.bench.measure import Case, measure
from gcl_spec.bench.search import SearchCase, measure_search
from gcl_spec.errors import InputError

__all__ = ["main"]


def main() -> None:
    """Answer one request; end at once when the asking process has gone."""
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries may print on stdout, which is for the answer
    request = b""
    while not request.endswith(b"\n"):
        request += os.read(0, 65536)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = json.dumps(_answer(json.loads(request))).encode()
    with os.fdopen(answers, "wb") as file:
        file.write(answer)


def _end_with_parent() -> None:
    # The other end of the pipe closes when the parent ends, however it ends.
    if not os.read(0, 1):
        os._exit(1)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["do"] == "search":
            return {"found": measure_search(SearchCase(**request["case"])).to_json()}
        case = Case(**request["case"])
        backend = registry.load_bench(case.backend)
        device = registry.choose_device(backend, case.device)
        bench = backend.bench(device=device, dtype=case.dtype, threads=case.threads)
        known = bench.candidates()
        if request["do"] == "list":
            about = {name: _about(candidate) for name, candidate in known.items()}
            return {"found": {"version": bench.version, "device": device, "candidates": about}}
        candidate = known[case.candidate]
        if candidate.missing:
            raise InputError(candidate.missing)
        return {"found": measure(bench, candidate, case).to_json()}
    except Exception as error:  # whatever a peer raises becomes a line of the table
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return {"error": lines[0] if lines else type(error).__name__, "kind": type(error).__name__}


def _about(candidate: Candidate) -> dict[str, str]:
    return {
        "about": candidate.about,
        "computes": candidate.computes,
        "missing": candidate.missing,
    }


if __name__ == "__main__":
    main()
