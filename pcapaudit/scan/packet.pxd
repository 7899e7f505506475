# C types of packet.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport i64, u16, u32
from pcapaudit.scan.link cimport LinkReader


cdef class PacketReader(LinkReader):
    cdef int depth, limit, is_part
    cdef long long outer_kind, outer_family
    cdef long long outer_src_hi, outer_src_lo, outer_dst_hi, outer_dst_lo
    cdef long long family, proto, ttl
    cdef long long src_hi, src_lo, dst_hi, dst_lo
    cdef long long ip_at, ip_end, ip_len, ip_id, l4
    cdef long long dont_fragment, fragment, fragment_offset, more
    cdef int is_tso, has_seq
    cdef long long sport, dport, portless, seq, ack, flags, window
    cdef long long payload_at, payload_len
    cdef long long c_syn
    cdef long long _decode(self, long long link, long long at, long long end) noexcept nogil
    cdef long long _ipv4(self, long long at) noexcept nogil
    cdef long long _ipv6(self, long long at) noexcept nogil
    cdef long long _extensions(self, long long proto, long long at) noexcept nogil
    cdef void _fragment_header(self, long long at) noexcept nogil
    cdef void _part(self, long long offset, long long more) noexcept nogil
    cdef long long _inner(self, long long proto) noexcept nogil
    cdef long long _enter(self, int kind, long long at, long long proto) noexcept nogil
    cdef long long _geneve(self, long long at) noexcept nogil
    cdef long long _gre(self, long long at) noexcept nogil
    cdef long long _erspan3(self, long long at) noexcept nogil
    cdef void _clear_transport(self) noexcept nogil
    cdef void _tcp(self) noexcept nogil
    cdef void _short_tcp(self, long long at) noexcept nogil
    cdef void _udp(self) noexcept nogil
