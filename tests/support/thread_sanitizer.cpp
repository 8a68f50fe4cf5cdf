// What ThreadSanitizer sees in libraries that are not ours to mend. Linked into every test program
// that it is built with, so that these also run by hand.

// libaudit, of libpam: each thread that is the first to log writes the program's name, the same
// one, to one place.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:libaudit.so\n"; }
