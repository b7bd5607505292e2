/* Lists of addresses and networks, "10.0.0.0/8,::1", and which addresses are one holder's. All are compared
 * as 16 bytes, IPv4 in its mapped form (RFC 4291, section 2.5.5.2), so that a client counts as the same
 * whether its socket is of IPv4 or of both.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_BITS = 96, BITS = 128, HOLDER_BITS = 64 };

struct network {
    unsigned char bytes[16];
    unsigned prefix_bits; /* of the 128 */
};

static const unsigned char mapped_head[12] = {[10] = 0xff, [11] = 0xff};

static bool is_ipv4(const unsigned char bytes[16])
{
    return memcmp(bytes, mapped_head, sizeof mapped_head) == 0;
}

/* bits: how many of the text's own kind of address come before the host's. */
static bool read_address(rb_str text, unsigned char out[16], unsigned *out_bits)
{
    char copy[RB_ADDRESS_TEXT_BYTES];
    if (text.n == 0 || text.n >= sizeof copy) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET6, copy, out) == 1) {
        *out_bits = BITS;
        return true;
    }
    if (inet_pton(AF_INET, copy, out + MAPPED_BITS / 8) != 1) return false;
    memcpy(out, mapped_head, sizeof mapped_head);
    *out_bits = BITS - MAPPED_BITS;
    return true;
}

static bool read_network(rb_str text, struct network *out)
{
    rb_str rest = text, address;
    unsigned bits;
    uint64_t prefix;
    rb_str_split(&rest, '/', &address);
    if (!read_address(address, out->bytes, &bits)) return false;
    prefix = bits;
    if (rest.p && !rb_str_u64(rest, bits, &prefix)) return false;
    out->prefix_bits = BITS - bits + (unsigned)prefix;
    return true;
}

/* A network of IPv6 that is wide enough to hold the mapped addresses does not mean those. */
static bool holds(const struct network *network, const unsigned char address[16])
{
    unsigned whole = network->prefix_bits / 8, rest = network->prefix_bits % 8;
    if (is_ipv4(address) && network->prefix_bits < MAPPED_BITS) return false;
    if (memcmp(network->bytes, address, whole) != 0) return false;
    return rest == 0 || (network->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool rb_address_list_is_valid(rb_str list)
{
    rb_str item;
    struct network network;
    if (!list.p) return false;
    while (rb_str_split(&list, ',', &item))
        if (!read_network(item, &network)) return false;
    return true;
}

bool rb_address_in_list(rb_str address, rb_str list)
{
    unsigned char bytes[16];
    unsigned bits;
    rb_str item;
    struct network network;
    if (!read_address(address, bytes, &bits)) return false;
    while (rb_str_split(&list, ',', &item))
        if (read_network(item, &network) && holds(&network, bytes)) return true;
    return false;
}

void rb_address_holder(rb_str address, char out[RB_ADDRESS_TEXT_BYTES])
{
    unsigned char bytes[BITS / 8];
    unsigned bits;
    if (!read_address(address, bytes, &bits)) {
        snprintf(out, RB_ADDRESS_TEXT_BYTES, "%.*s", RB_STR_FMT(address));
    } else if (is_ipv4(bytes)) {
        inet_ntop(AF_INET, bytes + MAPPED_BITS / 8, out, RB_ADDRESS_TEXT_BYTES);
    } else {
        memset(bytes + HOLDER_BITS / 8, 0, (BITS - HOLDER_BITS) / 8);
        inet_ntop(AF_INET6, bytes, out, RB_ADDRESS_TEXT_BYTES);
    }
}
