# C types of connections.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport fetch4, fetch8, gap, is_after, low32, mix
from pcapaudit.scan.ledger cimport Ledger


cdef class Connections(Ledger):
    cdef dict flow_of
    cdef long long *flow8
    cdef unsigned int *flow4
    cdef unsigned int *flow_slots
    cdef unsigned long long flow_mask, flow_slot
    cdef long long max_flows, n_flows, left_flows
    cdef long long c_tcp_pairs, c_udp_pairs
    cdef int is_first
    cdef void _take_side(self, long long s8, long long s4) noexcept nogil
    cdef int _follow(self, long long mine, long long theirs) noexcept nogil
    cdef int _is_probe(self, long long mine) noexcept nogil
    cdef int _is_again(self, long long mine, long long theirs) noexcept nogil
    cdef long long _follow_ack(self, long long mine, long long theirs, long long known) noexcept nogil
    cdef long long _find_flow(self) noexcept nogil
    cdef unsigned long long _slot_of(self, long long a_hi, long long a_lo, long long b_hi, long long b_lo, long long key) noexcept nogil
    cdef unsigned long long _find_slot(self, long long key, long long back) noexcept nogil
    cdef void _place_flows(self) noexcept nogil
    cdef void _fetch_flow(self) noexcept nogil
    cdef int _starts_anew(self, long long found) noexcept nogil
    cdef int _is_late_opening(self, long long found, long long mine, long long theirs) noexcept nogil
    cdef void _open_flow(self, long long key, long long earlier) noexcept nogil
