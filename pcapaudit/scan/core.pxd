# C types of core.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport gap
from pcapaudit.scan.journal cimport Journal

cdef unsigned char *_octets(object array)
cdef unsigned short *_tiny(object array)
cdef unsigned int *_short(object array)
cdef long long *_signed(object array)
cdef unsigned long long *_unsigned(object array)


cdef class Scanner(Journal):
    cdef dict arrays
    cdef object clock
    cdef object spill
    cdef bint is_shown
    cdef long long c_frames, c_ipv4, c_ipv6, c_no_ip
    cdef long long c_tcp, c_udp, c_icmp, c_other
    cdef void _scan_all(self, long long count, unsigned char *data, long long *offset, unsigned int *captured, unsigned int *wire, long long *time_ns, unsigned short *link) noexcept nogil
    cdef void _scan(self, long long at, long long captured, long long wire, long long ns, long long link) noexcept nogil
    cdef void _take_packet(self) noexcept nogil
    cdef void _take_flow(self) noexcept nogil
