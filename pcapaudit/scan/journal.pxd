# C types of journal.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport low32
from pcapaudit.scan.handing cimport Handing


cdef class Journal(Handing):
    cdef unsigned long long *rows
    cdef unsigned char *marks
    cdef unsigned long long *tails
    cdef long long max_rows, room, max_tails
    cdef long long n_link_rows, n_tails
    cdef long long pause, is_again
    cdef long long left_rows
    cdef int is_dense
    cdef void _take_link_frame(self) noexcept nogil
    cdef void _log(self, long long found, long long f4, long long mine) noexcept nogil
    cdef void _leave_out(self, long long found, long long f4, long long mine) noexcept nogil
    cdef void _recall(self, long long side, long long f4) noexcept nogil
    cdef void _bring_back(self, long long f4, long long at, long long is_repeated) noexcept nogil
    cdef void _move_back(self, long long f4, long long slot) noexcept nogil
    cdef void _move_tail(self, long long slot, long long to) noexcept nogil
    cdef int _says_something(self, long long mine) noexcept nogil
    cdef int _is_worth_a_row(self, long long side, long long f4, long long kind, long long taken, int says) noexcept nogil
    cdef void _write_row(self, long long flow, long long side, int says) noexcept nogil
    cdef void _write_words(self, unsigned long long *to, long long i, long long flow, long long side) noexcept nogil
    cdef int _make_room(self) noexcept nogil
    cdef bint _is_crowded(self) noexcept nogil
    cdef void _thin(self) noexcept nogil
    cdef int _keeps_entry(self, long long flow, long long row, long long entry) noexcept nogil
    cdef int _keeps_row(self, long long flow, long long row, int is_handed) noexcept nogil
    cdef int _is_last_word(self, long long f4, long long row) noexcept nogil
    cdef void _move_entry(self, long long entry, long long to, long long row) noexcept nogil
    cdef void _move_row(self, long long row, long long to) noexcept nogil
