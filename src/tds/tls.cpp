/*
 * What can be promised about the TLS version.
 *
 * FreeTDS 1.3 asks GnuTLS for TLS 1.0 or newer, with "enable tls v1 = no" for 1.1 or newer, and has
 * no setting for more. TLS 1.2 is certain only where the system-wide configuration of GnuTLS has
 * the older versions switched off. GnuTLS itself is asked, with FreeTDS's own priority string, so
 * that it is the library and the configuration of this process that answer.
 */
#include "tds/gnutls.hpp"
#include "tds/state.hpp"

#include <dlfcn.h>

namespace sambapos::tds
{

const char *
freetds_priorities(bool old) noexcept
{
	return old ? "NORMAL:%COMPAT:-VERS-SSL3.0" : "NORMAL:%COMPAT:-VERS-SSL3.0:-VERS-TLS1.0";
}

template <typename F>
static bool
find(void *library, const char *name, F *function) noexcept
{
	*function = reinterpret_cast<F>(dlsym(library, name));
	return *function != nullptr;
}

static bool
load(void *library, GnuTls *tls) noexcept
{
	return find(library, "gnutls_priority_init", &tls->priority_init) &&
		   find(library, "gnutls_priority_protocol_list", &tls->priority_protocol_list) &&
		   find(library, "gnutls_priority_deinit", &tls->priority_deinit) &&
		   find(library, "gnutls_init", &tls->init) &&
		   find(library, "gnutls_deinit", &tls->deinit) &&
		   find(library, "gnutls_certificate_allocate_credentials",
				&tls->certificate_allocate_credentials) &&
		   find(library, "gnutls_certificate_free_credentials",
				&tls->certificate_free_credentials) &&
		   find(library, "gnutls_certificate_set_x509_trust_file",
				&tls->certificate_set_x509_trust_file) &&
		   find(library, "gnutls_credentials_set", &tls->credentials_set) &&
		   find(library, "gnutls_priority_set_direct", &tls->priority_set_direct) &&
		   find(library, "gnutls_transport_set_ptr", &tls->transport_set_ptr) &&
		   find(library, "gnutls_transport_set_push_function", &tls->transport_set_push_function) &&
		   find(library, "gnutls_transport_set_pull_function", &tls->transport_set_pull_function) &&
		   find(library, "gnutls_handshake", &tls->handshake) &&
		   find(library, "gnutls_alert_get", &tls->alert_get) &&
		   find(library, "gnutls_alert_get_name", &tls->alert_get_name) &&
		   find(library, "gnutls_strerror", &tls->strerror) &&
		   find(library, "gnutls_certificate_verify_peers3", &tls->certificate_verify_peers3) &&
		   find(library, "gnutls_certificate_verification_status_print",
				&tls->certificate_verification_status_print) &&
		   find(library, "gnutls_certificate_get_peers", &tls->certificate_get_peers) &&
		   find(library, "gnutls_x509_crt_init", &tls->x509_crt_init) &&
		   find(library, "gnutls_x509_crt_deinit", &tls->x509_crt_deinit) &&
		   find(library, "gnutls_x509_crt_import", &tls->x509_crt_import) &&
		   find(library, "gnutls_x509_crt_print", &tls->x509_crt_print) &&
		   find(library, "gnutls_free", &tls->free);
}

const GnuTls *
gnutls() noexcept
{
	static GnuTls functions;
	static bool loaded = false;

	if (!loaded)
	{
		/* from libsybdb's handle the symbols of its own dependencies are found, not another's;
		 * libsybdb stays loaded, since this library is linked to it */
		void *library = dlopen("libsybdb.so.5", RTLD_LAZY | RTLD_NOLOAD);

		if (library == nullptr)
			return nullptr;
		loaded = load(library, &functions);
		dlclose(library);
	}
	return loaded ? &functions : nullptr;
}

bool
tls1_2_is_certain() noexcept
{
	const GnuTls *tls = gnutls();
	void *priority = nullptr;
	const unsigned int *list = nullptr;

	if (tls == nullptr || tls->priority_init(&priority, freetds_priorities(false), nullptr) != 0)
		return false;
	int count = tls->priority_protocol_list(priority, &list);
	bool result = count > 0;
	for (int i = 0; i < count; i++)
		if (list[i] < GnuTls::tls1_2)
			result = false;
	tls->priority_deinit(priority);
	return result;
}

} // namespace sambapos::tds
