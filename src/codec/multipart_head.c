/* What the head of a part says: Content-Disposition with the names, Content-Type.
 *
 * Names come in three spellings: as browsers write them (percent-codes for the three characters that would
 * break the line, everything else raw), with quoted pairs, and coded as a whole (filename*). A backslash is a
 * quoted pair only before a quotation mark: older browsers send whole paths, and theirs are full of
 * backslashes. Two parameters of one name are refused: each reader would take another one of them. */
#include "codec/http1_private.h"
#include "codec/multipart_private.h"
#include "codec/utf8.h"

/* ---- parameters ---- */

enum found { FOUND, NO_MORE, MALFORMED };

struct parameter {
    rb_str name, value; /* the value without its quotes, still coded */
};

static rb_str skip_blanks(rb_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) s = rb_str_from(s, 1);
    return s;
}

/* Length of what is between quotes, from behind the first on; `s.n` when there is no second. A backslash
 * takes its successor with it. */
static size_t quoted_length(rb_str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '"') n += s.p[n] == '\\' ? 2 : 1;
    return n < s.n ? n : s.n;
}

static bool take_value(rb_str *rest, rb_str *out)
{
    if (rest->n > 0 && rest->p[0] == '"') {
        rb_str quoted = rb_str_from(*rest, 1);
        size_t n = quoted_length(quoted);
        if (n == quoted.n) return false;
        *out = rb_str_sub(quoted, 0, n);
        *rest = rb_str_from(quoted, n + 1);
        return true;
    }
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ';' && rest->p[n] != ' ' && rest->p[n] != '\t' && rest->p[n] != '"')
        n++;
    *out = rb_str_sub(*rest, 0, n);
    *rest = rb_str_from(*rest, n);
    return n > 0;
}

/* Takes one off *rest, which is what stands behind the first word of a value. */
static enum found next_parameter(rb_str *rest, struct parameter *out)
{
    *rest = skip_blanks(*rest);
    if (rest->n == 0) return NO_MORE;
    if (rest->p[0] != ';') return MALFORMED;
    *rest = skip_blanks(rb_str_from(*rest, 1));
    if (rest->n == 0) return NO_MORE; /* a last semicolon too many */
    ptrdiff_t n = rb_str_find(*rest, '=');
    if (n < 0) return MALFORMED;
    out->name = rb_str_sub(*rest, 0, (size_t)n);
    *rest = rb_str_from(*rest, (size_t)n + 1);
    return rb_http1_is_token(out->name) && take_value(rest, &out->value) ? FOUND : MALFORMED;
}

/* The first word of such a value; *out_rest is what follows. */
static rb_str first_word(rb_str value, rb_str *out_rest)
{
    ptrdiff_t n = rb_str_find(value, ';');
    size_t at = n < 0 ? value.n : (size_t)n;
    *out_rest = rb_str_from(value, at);
    return rb_str_trim(rb_str_sub(value, 0, at));
}

/* ---- the header of the whole ---- */

bool rb_multipart_is_form(rb_str content_type)
{
    rb_str rest;
    return rb_str_ieq(first_word(content_type, &rest), RB_STR("multipart/form-data"));
}

/* RFC 2046 section 5.1.1; tokens of HTTP hold some that are no characters of a boundary, and the reverse. */
static bool is_boundary(rb_str s)
{
    if (s.n == 0 || s.n > RB_MULTIPART_BOUNDARY_MAX || s.p[s.n - 1] == ' ') return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_alphanumeric && rb_str_find(RB_STR("'()+_,-./:=? "), c) < 0) return false;
    }
    return true;
}

rb_str rb_multipart_boundary(rb_str content_type)
{
    rb_str rest, boundary = RB_STR_NONE;
    struct parameter parameter;
    enum found found;
    first_word(content_type, &rest);
    while ((found = next_parameter(&rest, &parameter)) == FOUND) {
        if (!rb_str_ieq(parameter.name, RB_STR("boundary"))) continue;
        if (boundary.p || !is_boundary(parameter.value)) return RB_STR_NONE;
        boundary = parameter.value;
    }
    return found == NO_MORE ? boundary : RB_STR_NONE;
}

/* ---- names ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a percent-code at the start of `s` stands for, or -1. */
static int coded_byte(rb_str s)
{
    if (s.n < 3 || s.p[0] != '%' || hex_value(s.p[1]) < 0 || hex_value(s.p[2]) < 0) return -1;
    return hex_value(s.p[1]) << 4 | hex_value(s.p[2]);
}

static char *mutable_in(char *head, rb_str s)
{
    return head + (s.p - head);
}

static rb_str decode_name(char *head, rb_str s)
{
    char *out = mutable_in(head, s);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int byte = coded_byte(rb_str_from(s, i));
        bool is_pair = s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\');
        if (byte == '"' || byte == '\r' || byte == '\n') {
            out[n++] = (char)byte;
            i += 2;
        } else if (is_pair) {
            if (s.p[++i] != '"') out[n++] = '\\';
            out[n++] = s.p[i];
        } else {
            out[n++] = s.p[i];
        }
    }
    return (rb_str){out, n};
}

/* UTF-8'language'percent-coded (RFC 8187). */
static bool decode_extended(char *head, rb_str s, rb_str *out_name)
{
    rb_str charset, language;
    if (!rb_str_split(&s, '\'', &charset) || !rb_str_ieq(charset, RB_STR("UTF-8"))) return false;
    if (!rb_str_split(&s, '\'', &language) || !s.p) return false;
    char *out = mutable_in(head, s);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int byte = coded_byte(rb_str_from(s, i));
        if (byte < 0 && (s.p[i] == '%' || (unsigned char)s.p[i] >= 0x80)) return false;
        out[n++] = byte < 0 ? s.p[i] : (char)byte;
        if (byte >= 0) i += 2;
    }
    *out_name = (rb_str){out, n};
    return rb_utf8_is_valid(*out_name);
}

/* ---- lines ---- */

static const char *set_once(rb_str *slot, rb_str value)
{
    if (slot->p) return "The head of a part says something twice.";
    *slot = value;
    return NULL;
}

static const char *read_disposition(char *head, rb_str value, struct rb_multipart_part *out)
{
    rb_str rest, name = RB_STR_NONE, file_name = RB_STR_NONE, extended = RB_STR_NONE;
    struct parameter parameter;
    enum found found;
    const char *why = NULL;
    if (out->name.p) return "A part has two Content-Dispositions.";
    if (!rb_str_ieq(first_word(value, &rest), RB_STR("form-data"))) return "A part is not form-data.";
    while (!why && (found = next_parameter(&rest, &parameter)) != NO_MORE) {
        if (found == MALFORMED) return "A Content-Disposition is malformed.";
        if (rb_str_ieq(parameter.name, RB_STR("name"))) why = set_once(&name, parameter.value);
        if (rb_str_ieq(parameter.name, RB_STR("filename"))) why = set_once(&file_name, parameter.value);
        if (rb_str_ieq(parameter.name, RB_STR("filename*"))) why = set_once(&extended, parameter.value);
    }
    if (why) return why;
    if (!name.p) return "A part has no name.";
    out->name = decode_name(head, name);
    out->has_file_name = file_name.p || extended.p;
    if (file_name.p) out->file_name = decode_name(head, file_name);
    if (extended.p && !decode_extended(head, extended, &out->file_name)) return "A filename* is malformed.";
    return NULL;
}

static bool changes_nothing(rb_str transfer_encoding)
{
    return rb_str_ieq(transfer_encoding, RB_STR("7bit")) || rb_str_ieq(transfer_encoding, RB_STR("8bit")) ||
           rb_str_ieq(transfer_encoding, RB_STR("binary"));
}

static const char *read_line(char *head, rb_str line, struct rb_multipart_part *out)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return "The head of a part has a control character.";
    }
    rb_str value = line, name;
    rb_str_split(&value, ':', &name);
    if (!value.p || !rb_http1_is_token(name)) return "The head of a part has a malformed line.";
    value = rb_str_trim(value);
    if (rb_str_ieq(name, RB_STR("Content-Disposition"))) return read_disposition(head, value, out);
    if (rb_str_ieq(name, RB_STR("Content-Type"))) return set_once(&out->type, value);
    if (rb_str_ieq(name, RB_STR("Content-Transfer-Encoding")) && !changes_nothing(value))
        return "The transfer encoding of a part is not known.";
    return NULL;
}

const char *rb_multipart_read_head(char *head, size_t n, struct rb_multipart_part *out)
{
    rb_str rest = {head, n - 2}, line; /* without the blank line */
    const char *why = NULL;
    while (!why && rest.n > 0 && rb_str_split(&rest, '\n', &line))
        why = read_line(head, rb_str_sub(line, 0, line.n - 1), out);
    return why || out->name.p ? why : "A part has no Content-Disposition.";
}
