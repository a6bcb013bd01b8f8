#include "CCurl.h"

CURLcode glovebox_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

CURLcode glovebox_curl_set_offset(CURL *handle, CURLoption option, int64_t value) {
    return curl_easy_setopt(handle, option, (curl_off_t)value);
}

CURLcode glovebox_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

CURLcode glovebox_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

CURLcode glovebox_curl_set_mime(CURL *handle, curl_mime *value) {
    return curl_easy_setopt(handle, CURLOPT_MIMEPOST, value);
}

CURLcode glovebox_curl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {.data = (void *)bytes, .len = count, .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(handle, option, &blob);
}

CURLcode glovebox_curl_set_body(CURL *handle, const void *bytes, size_t count) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_POST, 1L);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, count ? bytes : "");
    return code;
}

CURLcode glovebox_curl_set_authentication(CURL *handle, int scheme) {
    long value = scheme == 1 ? (long)CURLAUTH_DIGEST : scheme == 2 ? (long)CURLAUTH_NTLM : (long)CURLAUTH_NEGOTIATE;
    return curl_easy_setopt(handle, CURLOPT_HTTPAUTH, value);
}

static size_t took_body(char *bytes, size_t size, size_t count, void *context) {
    struct glovebox_curl_sink *sink = context;
    size_t all = size * count;
    return sink->body(sink->context, (const uint8_t *)bytes, all) == 0 ? all : 0;
}

static size_t took_header(char *bytes, size_t size, size_t count, void *context) {
    struct glovebox_curl_sink *sink = context;
    size_t all = size * count;
    return sink->header(sink->context, (const uint8_t *)bytes, all) == 0 ? all : 0;
}

static int took_sent(CURL *handle, curl_infotype type, char *bytes, size_t count, void *context) {
    struct glovebox_curl_sink *sink = context;
    (void)handle;
    if (type == CURLINFO_HEADER_OUT) sink->sent_header(sink->context, (const uint8_t *)bytes, count);
    return 0;
}

static int ticked(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    struct glovebox_curl_sink *sink = context;
    (void)a, (void)b, (void)c, (void)d;
    return sink->tick(sink->context);
}

CURLcode glovebox_curl_set_sink(CURL *handle, struct glovebox_curl_sink *sink) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, took_body);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, sink);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, took_header);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_HEADERDATA, sink);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, took_sent);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_DEBUGDATA, sink);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, ticked);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_XFERINFODATA, sink);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    return code;
}

CURLcode glovebox_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

CURLcode glovebox_curl_get_offset(CURL *handle, CURLINFO info, int64_t *value) {
    curl_off_t found = 0;
    CURLcode code = curl_easy_getinfo(handle, info, &found);
    *value = (int64_t)found;
    return code;
}

CURLcode glovebox_curl_get_string(CURL *handle, CURLINFO info, const char **value) {
    char *found = NULL;
    CURLcode code = curl_easy_getinfo(handle, info, &found);
    *value = found;
    return code;
}

CURLcode glovebox_curl_get_list(CURL *handle, CURLINFO info, struct curl_slist **value) {
    return curl_easy_getinfo(handle, info, value);
}

const struct curl_slist *glovebox_curl_certificate(CURL *handle) {
    struct curl_certinfo *certificates = NULL;
    if (curl_easy_getinfo(handle, CURLINFO_CERTINFO, &certificates) != CURLE_OK) return NULL;
    return certificates && certificates->num_of_certs > 0 ? certificates->certinfo[0] : NULL;
}
