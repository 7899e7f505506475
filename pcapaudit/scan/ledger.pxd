# C types of ledger.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport fetch4, fetch8, gap, mix, raw64, stir, sum16, u16, u32, u48
from pcapaudit.scan.packet cimport PacketReader


cdef class Ledger(PacketReader):
    cdef unsigned long long seed
    cdef dict pair_of, binding_of, recent, older
    cdef long long *arps
    cdef long long *pairs
    cdef long long *bindings
    cdef long long *ring
    cdef unsigned int *buckets
    cdef long long *copies
    cdef long long *outer
    cdef long long *tunnels
    cdef unsigned int *pair_slots
    cdef unsigned int *binding_slots
    cdef unsigned long long pair_mask, binding_mask
    cdef long long max_arps, max_pairs, max_bindings
    cdef long long n_arps, n_pairs, n_bindings, n_ring, n_outer
    cdef long long left_arps, left_pairs, left_bindings, c_arp
    cdef long long copy_proofs, copy_key
    cdef long long ns, pair, dup_of, dup_kind
    cdef void _note_tunnels(self) noexcept nogil
    cdef void _note_pair(self) noexcept nogil
    cdef void _mark_lost(self) noexcept nogil
    cdef void _fetch_entries(self) noexcept nogil
    cdef unsigned long long _pair_slot(self) noexcept nogil
    cdef unsigned long long _binding_slot(self) noexcept nogil
    cdef long long _find_pair(self) noexcept nogil
    cdef void _note_binding(self) noexcept nogil
    cdef long long _find_binding(self) noexcept nogil
    cdef void _check_sum(self, long long entry) noexcept nogil
    cdef void _take_arp(self) noexcept nogil
    cdef long long _hash(self, long long at, long long end) noexcept nogil
    cdef long long _hash_words(self, long long at, long long stop) noexcept nogil
    cdef void _find_copy(self) noexcept nogil
    cdef long long _search_ring(self, long long size) noexcept nogil
    cdef long long _judge_copy(self, long long ns, long long smac, long long dmac, long long ttl, long long vlan) noexcept nogil
    cdef long long _settle_copy(self) noexcept nogil
    cdef void _note_copy(self, long long origin) noexcept nogil
