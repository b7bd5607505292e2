#include "base/crypto.h"

#include "base/check.h"

#include <openssl/evp.h>

static void digest(rb_str data, const EVP_MD *kind, unsigned char *out)
{
    RB_CHECK(EVP_Digest(data.p ? data.p : "", data.n, out, NULL, kind, NULL) == 1);
}

void rb_sha1(rb_str data, unsigned char out[RB_SHA1_BYTES])
{
    digest(data, EVP_sha1(), out);
}

void rb_sha256(rb_str data, unsigned char out[RB_SHA256_BYTES])
{
    digest(data, EVP_sha256(), out);
}
