# The C twins of octets.py. Compilers make one load of each byte-wise reading.

cdef inline long long u16(const unsigned char *p, long long i) noexcept:
    return (p[i] << 8) | p[i + 1]


cdef inline long long u32(const unsigned char *p, long long i) noexcept:
    return (<unsigned int>p[i] << 24) | (<unsigned int>p[i + 1] << 16) | (<unsigned int>p[i + 2] << 8) | p[i + 3]


cdef inline long long u48(const unsigned char *p, long long i) noexcept:
    return (u16(p, i) << 32) | u32(p, i + 2)


cdef inline long long i64(const unsigned char *p, long long i) noexcept:
    return <long long>((<unsigned long long>u32(p, i) << 32) | <unsigned long long>u32(p, i + 4))


cdef inline long long little16(const unsigned char *p, long long i) noexcept:
    return p[i] | (p[i + 1] << 8)


cdef inline long long sum16(const unsigned char *p, long long i, long long stop) noexcept:
    cdef long long total = 0
    while i + 1 < stop:
        total += u16(p, i)
        i += 2
    if i < stop:
        total += p[i] << 8
    return total % 0xFFFF


cdef inline unsigned long long raw64(const unsigned char *p, long long i) noexcept:
    return (
        <unsigned long long>p[i]
        | (<unsigned long long>p[i + 1] << 8)
        | (<unsigned long long>p[i + 2] << 16)
        | (<unsigned long long>p[i + 3] << 24)
        | (<unsigned long long>p[i + 4] << 32)
        | (<unsigned long long>p[i + 5] << 40)
        | (<unsigned long long>p[i + 6] << 48)
        | (<unsigned long long>p[i + 7] << 56)
    )


cdef inline unsigned long long stir(unsigned long long x) noexcept:
    x = x * <unsigned long long>0x369DEA0F31A53F85ULL
    return x ^ (x >> 32)


cdef inline unsigned long long mix(unsigned long long x) noexcept:
    x ^= x >> 32
    x = stir(x)
    x = x * <unsigned long long>0x2127599BF4325C37ULL
    return x ^ (x >> 29)


cdef inline long long low32(long long x) noexcept:
    return <long long>(<unsigned int>x)


cdef inline bint is_after(long long a, long long b) noexcept:
    return <unsigned int>(a - b - 1) < 0x7FFFFFFFU


cdef inline long long gap(long long later, long long earlier) noexcept:
    cdef long long most = 0x7FFFFFFFFFFFFFFFLL
    cdef long long wait = <long long>(<unsigned long long>later - <unsigned long long>earlier)
    if ((later ^ earlier) & (later ^ wait)) < 0 or wait < -most:
        return most if later > earlier else -most
    return wait
