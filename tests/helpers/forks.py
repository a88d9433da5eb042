"""Do something in a forked process, which lacks the threads of its parent."""

import os
import signal
import traceback
from collections.abc import Callable


def ended_in_fork(action: Callable[[], object]) -> int:
    """Do it in a fork: 0 where it ended, 1 where it failed, -SIGALRM where it waits for ever."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
