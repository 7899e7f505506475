# C types of handing.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport copy, low32, raw64
from pcapaudit.scan.connections cimport Connections


cdef class Handing(Connections):
    cdef unsigned long long *handed
    cdef unsigned char *blob
    cdef unsigned int *octets
    cdef unsigned char *ports
    cdef long long max_blob
    cdef long long n_rows, n_handed, n_blob, n_told, blob_from, n_octets
    cdef long long left_handed
    cdef int thinned
    cdef long long _kind_of(self) noexcept nogil
    cdef long long _udp_kind(self) noexcept nogil
    cdef long long _most_segments(self, long long f4, long long a, long long b) noexcept nogil
    cdef bint _is_dialogue(self, long long a, long long b) noexcept nogil
    cdef bint _is_no_stream(self, long long f4) noexcept nogil
    cdef long long _tcp_share(self, long long f4, long long mine, long long have) noexcept nogil
    cdef int _is_unread(self, long long f4, long long mine, long long at, long long size) noexcept nogil
    cdef int _is_strange(self, long long at, long long size) noexcept nogil
    cdef void _hand(self, long long kind, long long at, long long size, int is_unread) noexcept nogil
    cdef unsigned long long _first_octets(self, long long at, long long size) noexcept nogil
