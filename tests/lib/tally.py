"""Counting: a test's title is a sentence that states a fact, and the last line is `N passed, N failed`."""
import sys
import traceback


class Tally:
    def __init__(self, verbose=True):
        self.passed = self.failed = self.skipped = 0
        self.verbose = verbose

    def check(self, fact, holds, detail=""):
        """Counts one fact; prints it, and why not where it does not hold."""
        if holds:
            self.passed += 1
            if self.verbose:
                print(f"ok    {fact}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {fact}" + (f"\n      {str(detail)[:4000]}" if detail not in ("", None) else ""), flush=True)
        return bool(holds)

    def skip(self, fact, why):
        self.skipped += 1
        print(f"skip  {fact}: {why}", flush=True)

    def run(self, fact, function, *arguments):
        """Counts one fact that function() shows by returning (or by returning anything but False)."""
        try:
            result = function(*arguments)
            return self.check(fact, result is not False)
        except Exception as error:  # a test that breaks is a fact that does not hold
            return self.check(fact, False, "".join(traceback.format_exception(error)[-3:]))

    def finish(self):
        line = f"{self.passed} passed, {self.failed} failed"
        print(line + (f", {self.skipped} skipped" if self.skipped else ""), flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)
