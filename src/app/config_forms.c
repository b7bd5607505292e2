#include "app/config_forms.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && rb_str_find(rb_str_of(set), c) >= 0;
}

static bool has_control(rb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i])) return true;
    return false;
}

static bool is_text(rb_str s)
{
    return s.n > 0 && !has_control(s);
}

static bool is_name(rb_str s)
{
    if (s.n == 0 || s.n > 64) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && (i == 0 || !is_one_of(s.p[i], "_-"))) return false;
    return true;
}

static bool is_field(rb_str s)
{
    if (s.n == 0 || s.n > 64 || is_digit(s.p[0])) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '_') return false;
    return true;
}

static bool is_optional_field(rb_str s)
{
    return s.n == 0 || is_field(s);
}

static bool is_variable(rb_str s)
{
    return is_field(s) && !rb_str_starts(s, RB_STR("RINGBACK_"));
}

/* Lower case only: the Host header is folded before it is compared. */
static bool is_host_label(rb_str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-') return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !is_digit(s.p[i]) && s.p[i] != '-') return false;
    return true;
}

static bool is_host(rb_str s)
{
    if (s.n == 0 || s.n > 253) return false;
    rb_str label;
    while (rb_str_split(&s, '.', &label))
        if (!is_host_label(label)) return false;
    return true;
}

static bool is_origin(rb_str s)
{
    if (rb_str_is(s, "*")) return true;
    size_t scheme = rb_str_starts(s, RB_STR("https://")) ? 8 : rb_str_starts(s, RB_STR("http://")) ? 7 : 0;
    if (scheme == 0) return false;
    s = rb_str_from(s, scheme);
    rb_str host;
    rb_str_split(&s, ':', &host);
    uint64_t port;
    return is_host(host) && (s.p == NULL || (rb_str_u64(s, 65535, &port) && port > 0));
}

/* ---- templates ---- */

bool rb_template_next(rb_str *rest, rb_str *out_name)
{
    ptrdiff_t brace = rb_str_find(*rest, '{');
    if (brace < 0) return false;
    rb_str inside = rb_str_from(*rest, (size_t)brace + 1);
    ptrdiff_t end = rb_str_find(inside, '}');
    *out_name = end < 0 ? inside : rb_str_sub(inside, 0, (size_t)end);
    *rest = end < 0 ? rb_str_from(inside, inside.n) : rb_str_from(inside, (size_t)end + 1);
    return true;
}

bool rb_template_has(rb_str template, rb_str name)
{
    rb_str found;
    while (rb_template_next(&template, &found))
        if (rb_str_eq(found, name)) return true;
    return false;
}

static bool is_placeholder(rb_str s)
{
    return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}' && is_field(rb_str_sub(s, 1, s.n - 2));
}

/* Of a URL, as it arrives after percent-decoding would be ambiguous: so only what needs no coding. */
static bool is_path_literal(rb_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_letter(s.p[i]) && !is_digit(s.p[i]) && !is_one_of(s.p[i], "-._~!$&'()*+,;=:@")) return false;
    return s.n > 0 && !rb_str_is(s, ".") && !rb_str_is(s, "..");
}

/* At most as many elements and parameters as the router takes. */
static bool is_path_template(rb_str s)
{
    enum { ELEMENTS_MAX = 32, PARAMETERS_MAX = 8 };
    if (s.n < 2 || s.n > 1024 || s.p[0] != '/') return false;
    rb_str rest = rb_str_from(s, 1), element;
    size_t elements = 0, parameters = 0;
    while (rb_str_split(&rest, '/', &element)) {
        if (is_placeholder(element)) {
            rb_str before = rb_str_sub(s, 0, (size_t)(element.p - s.p));
            if (rb_template_has(before, rb_str_sub(element, 1, element.n - 2))) return false;
            parameters++;
        } else if (!is_path_literal(element)) {
            return false;
        }
        elements++;
    }
    return elements <= ELEMENTS_MAX && parameters <= PARAMETERS_MAX;
}

static bool is_route(rb_str s)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    rb_str method;
    if (!rb_str_split(&s, ' ', &method) || s.p == NULL) return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (rb_str_is(method, methods[i])) return is_path_template(s);
    return false;
}

static bool is_download_path(rb_str s)
{
    return is_path_template(s) && rb_template_has(s, RB_STR("downloadId"));
}

/* ---- topics ---- */

static bool is_pattern(rb_str s)
{
    if (s.n > 255 || has_control(s)) return false;
    rb_str rest = s, element;
    while (rb_str_split(&rest, '/', &element)) {
        if (element.n == 0) return false;
        if (rb_str_find(element, '*') < 0 || rb_str_is(element, "*")) continue;
        if (!rb_str_is(element, "**") || rest.p != NULL) return false;
    }
    return s.n > 0;
}

static bool is_topic_template(rb_str s)
{
    if (s.n == 0 || s.n > 255 || has_control(s)) return false;
    rb_str rest = s, element;
    while (rb_str_split(&rest, '/', &element)) {
        if (is_placeholder(element)) continue;
        if (element.n == 0 || rb_str_find(element, '{') >= 0 || rb_str_find(element, '}') >= 0) return false;
    }
    return true;
}

/* ---- Socket.IO ---- */

static bool is_prefix(rb_str s)
{
    if (s.n < 3 || s.p[0] != '/' || s.p[s.n - 1] != '/') return false;
    return is_path_template(rb_str_sub(s, 0, s.n - 1)) && rb_str_find(s, '{') < 0;
}

static bool is_root_prefix(rb_str s)
{
    return rb_str_is(s, "/") || is_prefix(s);
}

static bool is_namespace(rb_str s)
{
    if (s.n == 0 || s.n > 255 || s.p[0] != '/' || has_control(s)) return false;
    return rb_str_find(s, ',') < 0 && rb_str_find(s, '?') < 0;
}

static bool is_event(rb_str s)
{
    static const char *const reserved[] = {"connect",       "connect_error", "disconnect",
                                           "disconnecting", "newListener",   "removeListener"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (rb_str_is(s, reserved[i])) return false;
    return is_text(s) && s.n <= 255;
}

static bool is_url(rb_str s)
{
    bool has_host =
        (rb_str_starts(s, RB_STR("http://")) && s.n > 7) || (rb_str_starts(s, RB_STR("https://")) && s.n > 8);
    return has_host && s.n <= 2048 && !has_control(s) && rb_str_find(s, ' ') < 0;
}

static bool is_family(rb_str s)
{
    return rb_str_is(s, "user") || rb_str_is(s, "token");
}

const struct rb_option_form rb_form_text = {is_text, "text"};
const struct rb_option_form rb_form_name = {
    is_name, "a name of at most 64 letters, digits, '_' and '-' that begins with a "
             "letter or digit"};
const struct rb_option_form rb_form_field = {is_field, "the name of a field: letters, digits and '_'"};
const struct rb_option_form rb_form_optional_field = {
    is_optional_field, "the name of a field: letters, digits and '_', or \"\" for none"};
const struct rb_option_form rb_form_host = {
    is_host, "a host name in lower case without a port, such as acme.example.com"};
const struct rb_option_form rb_form_origin = {
    is_origin, "an origin such as https://app.example.com (no path, no '/' at the end), or '*'"};
const struct rb_option_form rb_form_pattern = {
    is_pattern, "a topic in which '*' stands for one element and '**' at the end for any rest, "
                "such as builds/*/log or chat/**"};
const struct rb_option_form rb_form_topic = {is_topic_template, "a topic such as projects/{projectId}"};
const struct rb_option_form rb_form_prefix = {is_prefix,
                                              "a path that begins and ends with '/', such as /socket.io/"};
const struct rb_option_form rb_form_root_prefix = {
    is_root_prefix, "'/', or a path that begins and ends with '/', such as /bimserver/"};
const struct rb_option_form rb_form_namespace = {is_namespace, "a namespace such as / or /admin"};
const struct rb_option_form rb_form_event = {is_event,
                                             "the name of an event that Socket.IO does not use itself"};
const struct rb_option_form rb_form_route = {
    is_route, "a method and a path such as 'POST /projects/{projectId}/export' (a "
              "placeholder is a whole element, each name once)"};
const struct rb_option_form rb_form_download_path = {
    is_download_path, "a path with {downloadId} such as /api/download/{downloadId}"};
const struct rb_option_form rb_form_url = {is_url, "an address such as https://hooks.example.com/era"};
const struct rb_option_form rb_form_family = {is_family, "user or token"};
const struct rb_option_form rb_form_variable = {
    is_variable, "the name of a variable: letters, digits and '_', not beginning "
                 "with RINGBACK_"};
