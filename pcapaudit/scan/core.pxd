# C types of core.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport gap, low32
from pcapaudit.scan.connections cimport Connections

cdef unsigned char *_octets(object array)
cdef unsigned short *_tiny(object array)
cdef unsigned int *_short(object array)
cdef long long *_signed(object array)
cdef unsigned long long *_unsigned(object array)


cdef class Scanner(Connections):
    cdef dict arrays
    cdef object clock
    cdef unsigned long long *rows
    cdef unsigned long long *handed
    cdef unsigned char *blob
    cdef long long max_rows, max_blob
    cdef long long n_rows, n_link_rows, n_handed, n_blob
    cdef long long before_ns, is_again
    cdef long long left_rows, left_handed
    cdef long long c_frames, c_ipv4, c_ipv6, c_no_ip
    cdef long long c_tcp, c_udp, c_icmp, c_other
    cdef void _scan_all(self, long long count, unsigned char *data, long long *offset, unsigned int *captured, unsigned int *wire, long long *time_ns, unsigned short *link) noexcept
    cdef void _scan(self, long long at, long long captured, long long wire, long long ns, long long link) noexcept
    cdef void _take_link_frame(self) noexcept
    cdef void _take_packet(self) noexcept
    cdef void _take_flow(self) noexcept
    cdef void _log(self, long long found, long long f4, long long mine) noexcept
    cdef long long _is_worth_a_row(self, long long rows, long long kind, long long taken) noexcept
    cdef long long _kind_of(self) noexcept
    cdef long long _udp_kind(self) noexcept
    cdef long long _tcp_share(self, long long mine, long long have) noexcept
    cdef void _hand(self, long long kind, long long at, long long size) noexcept
    cdef void _write_row(self, long long flow, long long side) noexcept
