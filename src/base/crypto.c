#include "base/crypto.h"

#include "base/check.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* EVP_sha1() and the like have the algorithm looked up anew with each digest, which takes longer than the
 * digest of a short text. Fetched ones are for the life of the process. */
static EVP_MD *sha1, *sha256;

static void fetch(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    RB_CHECK(sha1 && sha256);
}

static void digest(rb_str data, EVP_MD *const *kind, unsigned char *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    RB_CHECK(EVP_Digest(data.p ? data.p : "", data.n, out, NULL, *kind, NULL) == 1);
}

void rb_sha1(rb_str data, unsigned char out[RB_SHA1_BYTES])
{
    digest(data, &sha1, out);
}

void rb_sha256(rb_str data, unsigned char out[RB_SHA256_BYTES])
{
    digest(data, &sha256, out);
}

static void hmac(rb_str key, rb_str data, const EVP_MD *kind, unsigned char *out)
{
    RB_CHECK(key.n <= INT_MAX);
    RB_CHECK(HMAC(kind, key.n ? key.p : "", (int)key.n, (const unsigned char *)(data.p ? data.p : ""), data.n,
                  out, NULL) != NULL);
}

void rb_hmac_sha256(rb_str key, rb_str data, unsigned char out[RB_SHA256_BYTES])
{
    hmac(key, data, EVP_sha256(), out);
}

void rb_hmac_sha512(rb_str key, rb_str data, unsigned char out[RB_SHA512_BYTES])
{
    hmac(key, data, EVP_sha512(), out);
}

bool rb_scrypt(rb_str password, rb_str salt, struct rb_scrypt_cost cost, unsigned char *out, size_t n)
{
    enum { LOG2_N_MAX = 20, R_MAX = 32, P_MAX = 16 };
    if (cost.log2_n > LOG2_N_MAX || cost.r > R_MAX || cost.p > P_MAX) return false;
    uint64_t size = 1ull << cost.log2_n;
    uint64_t memory_max =
        128 * cost.r * (size + cost.p + 2) + 1024; /* OpenSSL's own limit is too low for ours */
    return EVP_PBE_scrypt(password.p ? password.p : "", password.n, (const unsigned char *)salt.p, salt.n,
                          size, cost.r, cost.p, memory_max, out, n) == 1;
}
