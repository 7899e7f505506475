# The C twins of octets.py. Where the compiler is one that can be told so, a number is one load, turned round.

from libc.string cimport memcpy

cdef extern from *:
    """
    #include <string.h>

    #if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static inline unsigned long long octets_raw64(const unsigned char *p, long long i) {
        unsigned long long x; memcpy(&x, p + i, 8); return x;
    }
    static inline unsigned long long octets_u64(const unsigned char *p, long long i) {
        return __builtin_bswap64(octets_raw64(p, i));
    }
    static inline long long octets_u32(const unsigned char *p, long long i) {
        unsigned int x; memcpy(&x, p + i, 4); return __builtin_bswap32(x);
    }
    static inline long long octets_u16(const unsigned char *p, long long i) {
        unsigned short x; memcpy(&x, p + i, 2); return __builtin_bswap16(x);
    }
    static inline void octets_fetch(const void *p) { __builtin_prefetch(p); }
    #else
    static inline long long octets_u16(const unsigned char *p, long long i) {
        return (p[i] << 8) | p[i + 1];
    }
    static inline long long octets_u32(const unsigned char *p, long long i) {
        return (octets_u16(p, i) << 16) | octets_u16(p, i + 2);
    }
    static inline unsigned long long octets_u64(const unsigned char *p, long long i) {
        return ((unsigned long long)octets_u32(p, i) << 32) | (unsigned long long)octets_u32(p, i + 4);
    }
    static inline unsigned long long octets_raw64(const unsigned char *p, long long i) {
        unsigned long long x = 0; int k;
        for (k = 7; k >= 0; k--) x = (x << 8) | p[i + k];
        return x;
    }
    static inline void octets_fetch(const void *p) { (void)p; }
    #endif
    """
    long long u16 "octets_u16"(const unsigned char *p, long long i) noexcept nogil
    long long u32 "octets_u32"(const unsigned char *p, long long i) noexcept nogil
    long long i64 "(long long)octets_u64"(const unsigned char *p, long long i) noexcept nogil
    unsigned long long raw64 "octets_raw64"(const unsigned char *p, long long i) noexcept nogil
    void _fetch "octets_fetch"(const void *p) noexcept nogil


cdef inline void fetch8(const long long *table, long long place) noexcept nogil:
    _fetch(table + place)


cdef inline void fetch4(const unsigned int *table, long long place) noexcept nogil:
    _fetch(table + place)


cdef inline void copy(unsigned char *target, long long to, const unsigned char *source, long long at, long long size) noexcept nogil:
    memcpy(target + to, source + at, size)


cdef inline long long u48(const unsigned char *p, long long i) noexcept nogil:
    return (u16(p, i) << 32) | u32(p, i + 2)


cdef inline long long little16(const unsigned char *p, long long i) noexcept nogil:
    return p[i] | (p[i + 1] << 8)


cdef inline long long sum16(const unsigned char *p, long long i, long long stop) noexcept nogil:
    cdef long long total = 0
    while i + 1 < stop:
        total += u16(p, i)
        i += 2
    if i < stop:
        total += p[i] << 8
    return total % 0xFFFF


cdef inline unsigned long long stir(unsigned long long x) noexcept nogil:
    x = x * <unsigned long long>0x369DEA0F31A53F85ULL
    return x ^ (x >> 32)


cdef inline unsigned long long mix(unsigned long long x) noexcept nogil:
    x ^= x >> 32
    x = stir(x)
    x = x * <unsigned long long>0x2127599BF4325C37ULL
    return x ^ (x >> 29)


cdef inline long long low32(long long x) noexcept nogil:
    return <long long>(<unsigned int>x)


cdef inline bint is_after(long long a, long long b) noexcept nogil:
    return <unsigned int>(a - b - 1) < 0x7FFFFFFFU


cdef inline long long gap(long long later, long long earlier) noexcept nogil:
    cdef long long most = 0x7FFFFFFFFFFFFFFFLL
    cdef long long wait = <long long>(<unsigned long long>later - <unsigned long long>earlier)
    if ((later ^ earlier) & (later ^ wait)) < 0 or wait < -most:
        return most if later > earlier else -most
    return wait
