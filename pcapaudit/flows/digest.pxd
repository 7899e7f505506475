# C types of digest.py.

from pcapaudit.flows.layout cimport *
from pcapaudit.flows.logged cimport Logged, distance, ints, octets


cdef class Digests(Logged):
    cdef public object table, spare, flat, protocols, hints
    cdef unsigned int *words
    cdef unsigned char *protocol
    cdef unsigned char *hint
    cdef long long at, low, high, me, before_last, end_a, end_b
    cdef bint is_tcp
    cdef void _read(self, long long flow, long long at, long long is_from_b) noexcept
    cdef long long _who_opened(self, long long hint) noexcept
    cdef void _tally(self) noexcept
    cdef void _note_flags(self, long long at, long long bits, long long place) noexcept
    cdef void _note_data(self, long long at, long long row, long long bits, long long place) noexcept
    cdef long long _row(self, long long place) noexcept
    cdef void _open(self) noexcept
    cdef void _find_resp_isn(self, long long syn_ack) noexcept
    cdef bint _is_bare_ack(self, long long first) noexcept
    cdef void _answer(self) noexcept
    cdef void _add_payload(self) noexcept
    cdef void _follow_acks(self) noexcept
    cdef bint _is_honest_ack(self, long long row) noexcept
    cdef bint _ends_at(self, long long place, long long number) noexcept
    cdef long long _first_awaited(self, long long first_ack) noexcept
    cdef bint _is_fin(self, long long base, long long end) noexcept
    cdef void _find_advance(self) noexcept
    cdef void _find_acked(self) noexcept
    cdef void _give_up(self) noexcept
    cdef void _close(self, long long i, long long end, long long asked) noexcept
    cdef bint _says_answered(self, long long row) noexcept
