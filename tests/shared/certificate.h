/* certificate.h: a certificate for servers under test, of localhost and signed by itself, with its
 * key in the same file. It is a client's, too, and the authority that both trust. */
#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>

/* False: it could not be written. */
static inline bool certificate_write(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(path, "w");
    bool done = key != NULL && certificate != NULL && file != NULL;
    if (done) {
        X509_NAME *name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
                                   -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        done = X509_sign(certificate, key, EVP_sha256()) > 0 &&
               PEM_write_X509(file, certificate) == 1 &&
               PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    }
    done = (file == NULL || fclose(file) == 0) && done;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done;
}

#endif
