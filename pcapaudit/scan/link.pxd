# C types of link.py.

from pcapaudit.scan.layout cimport *
from pcapaudit.scan.octets cimport little16, u16, u32, u48


cdef class LinkReader:
    cdef unsigned char *data
    cdef long long *seen
    cdef long long *links
    cdef long long frame, start, end, at
    cdef long long smac, dmac, vlan, tunnel, link_kind
    cdef long long is_cut
    cdef int is_bad, is_ethernet
    cdef long long n_links, c_undecoded, c_malformed
    cdef long long _spoil(self, int reason) noexcept nogil
    cdef void _note_seen(self, int which) noexcept nogil
    cdef long long _ethernet(self, long long at) noexcept nogil
    cdef long long _link(self, long long link, long long at) noexcept nogil
    cdef long long _serial(self, long long link, long long at) noexcept nogil
    cdef long long _undecoded(self, long long link) noexcept nogil
    cdef long long _cooked(self, long long at) noexcept nogil
    cdef long long _cooked2(self, long long at) noexcept nogil
    cdef void _cooked_macs(self, long long kind, long long size, long long at) noexcept nogil
    cdef long long _cooked_proto(self, long long proto) noexcept nogil
    cdef long long _loopback(self, long long at) noexcept nogil
    cdef long long _fddi(self, long long at) noexcept nogil
    cdef long long _netfilter_log(self, long long at) noexcept nogil
    cdef long long _radio(self, long long link, long long at) noexcept nogil
    cdef int _radiotap_pads(self, long long at, long long stop) noexcept nogil
    cdef long long _wlan(self, long long at, int padded) noexcept nogil
    cdef long long _shim(self, long long proto, long long at) noexcept nogil
    cdef long long _link_protocol(self, long long proto) noexcept nogil
    cdef long long _vlan_tag(self, long long at) noexcept nogil
    cdef long long _llc(self, long long at) noexcept nogil
    cdef long long _pppoe(self, long long at) noexcept nogil
    cdef long long _ppp(self, long long at) noexcept nogil
    cdef long long _nibble(self, long long at) noexcept nogil
    cdef long long _mpls(self, long long at) noexcept nogil
    cdef int _is_ethernet(self, long long at) noexcept nogil
    cdef long long _arp_form(self, long long at) noexcept nogil
