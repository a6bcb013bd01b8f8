#pragma once
#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

// libcurl's options and facts are set and asked for by functions with variable arguments, which Swift can't call; here is
// one with fixed arguments for each kind of value.

CURLcode glovebox_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode glovebox_curl_set_offset(CURL *handle, CURLoption option, int64_t value);
// Copied by libcurl; NULL takes a value back.
CURLcode glovebox_curl_set_string(CURL *handle, CURLoption option, const char *value);
// Has to live as long as the transfer.
CURLcode glovebox_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode glovebox_curl_set_mime(CURL *handle, curl_mime *value);
// Copied.
CURLcode glovebox_curl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t count);
CURLcode glovebox_curl_set_body(CURL *handle, const void *bytes, size_t count);
// An authentication that's one of libcurl's by name: 1 digest, 2 NTLM, 3 negotiate.
CURLcode glovebox_curl_set_authentication(CURL *handle, int scheme);

// Called with bytes of the answer, or of what's sent or received as headers; anything but 0 ends the transfer.
typedef int (*glovebox_curl_bytes)(void *context, const uint8_t *bytes, size_t count);
// Called about once a second and whenever bytes pass; anything but 0 ends the transfer.
typedef int (*glovebox_curl_tick)(void *context);

// Where a transfer's bytes go to; has to live as long as the transfer.
struct glovebox_curl_sink {
    void *context;
    glovebox_curl_bytes body;
    glovebox_curl_bytes header;
    glovebox_curl_bytes sent_header;
    glovebox_curl_tick tick;
};
CURLcode glovebox_curl_set_sink(CURL *handle, struct glovebox_curl_sink *sink);

CURLcode glovebox_curl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode glovebox_curl_get_offset(CURL *handle, CURLINFO info, int64_t *value);
CURLcode glovebox_curl_get_string(CURL *handle, CURLINFO info, const char **value);
// To be freed with curl_slist_free_all.
CURLcode glovebox_curl_get_list(CURL *handle, CURLINFO info, struct curl_slist **value);
// The facts of the server's own certificate, as long as the handle isn't used; NULL where there's none.
const struct curl_slist *glovebox_curl_certificate(CURL *handle);
