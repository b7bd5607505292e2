#include "base/crypto.h"

#include "base/check.h"

#include <openssl/evp.h>
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
