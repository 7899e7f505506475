# C types of logged.py.

from pcapaudit.flows.layout cimport *

cdef long long *longs(object column) except NULL
cdef unsigned int *ints(object column) except NULL
cdef unsigned short *shorts(object column) except NULL
cdef unsigned char *octets(object column) except NULL


# The C twin of streams.distance: signed, modulo 2**32.
cdef inline long long distance(long long later, long long earlier) noexcept:
    return <int>(<unsigned int>(later - earlier))


cdef class Logged:
    cdef public object kept, bounds, order, is_data
    cdef long long *time
    cdef unsigned int *flow
    cdef unsigned int *copy
    cdef unsigned int *seq
    cdef unsigned int *ack
    cdef unsigned int *payload
    cdef unsigned short *flags
    cdef unsigned char *side
    cdef unsigned char *data
    cdef long long *by_flow
    cdef long long *begin
    cdef long long w8, w4, w2, w1
    cdef bint _is_wanted(self, long long row, long long kind, long long acked) noexcept
