/*
 * What can be promised about the TLS version.
 *
 * FreeTDS 1.3 asks GnuTLS for TLS 1.0 or newer, with "enable tls v1 = no" for 1.1 or newer, and has
 * no setting for more. TLS 1.2 is certain only where the system-wide configuration of GnuTLS has
 * the older versions switched off. GnuTLS itself is asked, with FreeTDS's own priority string, so
 * that it is the library and the configuration of this process that answer.
 */
#include "tds/state.hpp"

#include <dlfcn.h>

namespace sambapos::tds
{

/* gnutls.h, as far as needed: FreeTDS is linked to GnuTLS, we aren't. */
using Priority = void *;
using PriorityInit = int (*)(Priority *, const char *, const char **);
using PriorityProtocols = int (*)(Priority, const unsigned int **);
using PriorityDeinit = void (*)(Priority);
static constexpr unsigned int gnutls_tls1_2 = 4;
static constexpr char freetds_priority[] = "NORMAL:%COMPAT:-VERS-SSL3.0:-VERS-TLS1.0";

/* No protocol of FreeTDS's list is older than 1.2. */
static bool
only_new_protocols(PriorityInit init, PriorityProtocols protocols, PriorityDeinit deinit) noexcept
{
	Priority priority = nullptr;
	const unsigned int *list = nullptr;

	if (init(&priority, freetds_priority, nullptr) != 0)
		return false;
	int count = protocols(priority, &list);
	bool result = count > 0;
	for (int i = 0; i < count; i++)
		if (list[i] < gnutls_tls1_2)
			result = false;
	deinit(priority);
	return result;
}

bool
tls1_2_is_certain() noexcept
{
	/* from libsybdb's handle the symbols of its own dependencies are found, not another's */
	void *library = dlopen("libsybdb.so.5", RTLD_LAZY | RTLD_NOLOAD);
	if (library == nullptr)
		return false;
	auto init = reinterpret_cast<PriorityInit>(dlsym(library, "gnutls_priority_init"));
	auto protocols =
		reinterpret_cast<PriorityProtocols>(dlsym(library, "gnutls_priority_protocol_list"));
	auto deinit = reinterpret_cast<PriorityDeinit>(dlsym(library, "gnutls_priority_deinit"));
	bool result = init != nullptr && protocols != nullptr && deinit != nullptr &&
				  only_new_protocols(init, protocols, deinit);
	dlclose(library);
	return result;
}

} // namespace sambapos::tds
