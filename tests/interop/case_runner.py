"""Runs cases one after the other: a line each, and the sum."""

import re
import signal
import time

from peers import Absent, Failure

absent = []  # names of cases that needed a program that is not there


def run_all(cases, seconds, only=""):
    """Cases are pairs of name and function. Gives how many passed and failed; one that needs a
    program that is not there is neither, says so, and counts as skipped in the sum."""
    def give_up(*_):
        raise Failure(f"did not end within {seconds} s")
    signal.signal(signal.SIGALRM, give_up)
    passed = failed = 0
    for name, function in cases:
        if not re.search(only, name):
            continue
        begin = time.monotonic()
        signal.alarm(seconds)
        try:
            function()
            line = f"ok   {name}"
            passed += 1
        except Absent as reason:
            line = f"none {name}: {reason}"
            absent.append(name)
        except Exception as error:  # a case may not stop the others, whatever it raises
            kind = "" if isinstance(error, Failure) else type(error).__name__ + ": "
            line = f"FAIL {name}: {kind}{str(error) or repr(error)}"
            failed += 1
        finally:
            signal.alarm(0)
        print(f"{line} ({time.monotonic() - begin:.1f} s)", flush=True)
    return passed, failed


def tell_sum(passed, failed):
    """The last line; gives the exit status."""
    print(f"{passed} passed, {failed} failed" + (f", {len(absent)} skipped" if absent else ""))
    return 0 if failed == 0 and passed != 0 else 1
