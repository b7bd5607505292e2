/* Digests and what is made of passwords, from OpenSSL's libcrypto: the one place that includes it for this.
 * Pure; any thread. */
#ifndef RB_BASE_CRYPTO_H
#define RB_BASE_CRYPTO_H

#include "base/str.h"

#define RB_SHA1_BYTES 20
#define RB_SHA256_BYTES 32
#define RB_SHA512_BYTES 64

void rb_sha1(rb_str data, unsigned char out[RB_SHA1_BYTES]);
void rb_sha256(rb_str data, unsigned char out[RB_SHA256_BYTES]);

/* RFC 2104. Keys of any length, empty ones too. */
void rb_hmac_sha256(rb_str key, rb_str data, unsigned char out[RB_SHA256_BYTES]);
void rb_hmac_sha512(rb_str key, rb_str data, unsigned char out[RB_SHA512_BYTES]);

/* RFC 7914: n bytes made of a password, in a time and with the memory, 128 * r * 2^log2_n bytes, that make
 * guessing dear. Blocking. False: the numbers are none that scrypt takes, or memory is out. */
struct rb_scrypt_cost {
    unsigned log2_n, r, p;
};
bool rb_scrypt(rb_str password, rb_str salt, struct rb_scrypt_cost cost, unsigned char *out, size_t n);

#endif
