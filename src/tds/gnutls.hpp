/*
 * The GnuTLS that FreeTDS uses, by its functions' names: FreeTDS is linked to it, we are not, and a
 * FreeTDS built with OpenSSL has none. Declared as gnutls.h does, as far as needed.
 */
#pragma once

#include <cstddef>

#include <sys/types.h>

namespace sambapos::tds
{

struct GnuTls
{
	struct Datum
	{
		unsigned char *data;
		unsigned int size;
	};
	static constexpr unsigned int client = 2; /* GNUTLS_CLIENT */
	static constexpr int certificate = 1;     /* GNUTLS_CRD_CERTIFICATE and GNUTLS_CRT_X509 */
	static constexpr int der = 0, pem = 1, one_line = 1;
	static constexpr int alert_received = -12; /* GNUTLS_E_FATAL_ALERT_RECEIVED */
	static constexpr unsigned int tls1_2 = 4;

	/* bits of a verification's result */
	static constexpr unsigned int signer_not_found = 1 << 6, not_yet = 1 << 9, expired = 1 << 10,
								  wrong_owner = 1 << 14;

	int (*priority_init)(void **, const char *, const char **);
	int (*priority_protocol_list)(void *, const unsigned int **);
	void (*priority_deinit)(void *);

	int (*init)(void **, unsigned int);
	void (*deinit)(void *);
	int (*certificate_allocate_credentials)(void **);
	void (*certificate_free_credentials)(void *);
	int (*certificate_set_x509_trust_file)(void *, const char *, int);
	int (*credentials_set)(void *, int, void *);
	int (*priority_set_direct)(void *, const char *, const char **);
	void (*transport_set_ptr)(void *, void *);
	void (*transport_set_push_function)(void *, ssize_t (*)(void *, const void *, size_t));
	void (*transport_set_pull_function)(void *, ssize_t (*)(void *, void *, size_t));
	int (*handshake)(void *);
	int (*alert_get)(void *);
	const char *(*alert_get_name)(int);
	const char *(*strerror)(int);
	int (*certificate_verify_peers3)(void *, const char *, unsigned int *);
	int (*certificate_verification_status_print)(unsigned int, int, Datum *, unsigned int);
	const Datum *(*certificate_get_peers)(void *, unsigned int *);
	int (*x509_crt_init)(void **);
	void (*x509_crt_deinit)(void *);
	int (*x509_crt_import)(void *, const Datum *, int);
	int (*x509_crt_print)(void *, int, Datum *);
	void (**free)(void *);
};

/* What FreeTDS gives GnuTLS as priorities; `old`: with option "enable tls v1". */
const char *freetds_priorities(bool old) noexcept;

/* Null where FreeTDS has no GnuTLS, or one that lacks something of the above. */
const GnuTls *gnutls() noexcept;

} // namespace sambapos::tds
