/* Texts and dates of XML. */
#include "codec/soap.h"
#include "codec/utf8.h"

#include <time.h>

/* ---- text ---- */

/* What stands for a character; NULL: itself. Blanks other than the space would be normalized away in
 * attributes, and a carriage return anywhere. */
static const char *reference(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\t': return "&#9;";
    case '\n': return "&#10;";
    case '\r': return "&#13;";
    default: return (unsigned char)c < 0x20 ? "\xEF\xBF\xBD" : NULL;
    }
}

/* U+FFFE and U+FFFF are valid UTF-8, and no characters of XML. */
static bool is_no_character(rb_str character)
{
    return character.n == 3 &&
           (rb_str_eq(character, RB_STR("\xEF\xBF\xBE")) || rb_str_eq(character, RB_STR("\xEF\xBF\xBF")));
}

void rb_xml_put_text(struct rb_buf *out, rb_str text)
{
    while (text.n > 0) {
        size_t n = rb_utf8_length(text);
        rb_str character = rb_str_sub(text, 0, n);
        const char *instead = n == 0 || is_no_character(character) ? "\xEF\xBF\xBD"
                              : n == 1                             ? reference(text.p[0])
                                                                   : NULL;
        if (instead)
            rb_buf_add_text(out, instead);
        else
            rb_buf_add_str(out, character);
        text = rb_str_from(text, n ? n : 1);
    }
}

/* ---- dates ---- */

enum { MS_A_SECOND = 1000, MS_A_MINUTE = 60 * MS_A_SECOND };
static const int64_t date_min_ms = -62135596800000; /* 0001-01-01 */
static const int64_t date_max_ms = 253402300799999; /* the last of 9999 */

void rb_xml_put_date(struct rb_buf *out, int64_t wall_ms)
{
    if (wall_ms < date_min_ms) wall_ms = date_min_ms;
    if (wall_ms > date_max_ms) wall_ms = date_max_ms;
    int64_t ms = wall_ms % MS_A_SECOND;
    if (ms < 0) ms += MS_A_SECOND;
    time_t seconds = (time_t)((wall_ms - ms) / MS_A_SECOND);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    rb_buf_add_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                   tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
}

/* `digits` digits and what stands behind them ('\0': nothing), taken off the text. */
static bool take_number(rb_str *text, size_t digits, char behind, uint64_t max, int *out)
{
    uint64_t value;
    size_t n = digits + (behind != '\0');
    if (text->n < n || !rb_str_u64(rb_str_sub(*text, 0, digits), max, &value)) return false;
    if (behind && text->p[digits] != behind) return false;
    *out = (int)value;
    *text = rb_str_from(*text, n);
    return true;
}

/* ".5", to the millisecond. */
static bool take_fraction(rb_str *text, int *out_ms)
{
    *out_ms = 0;
    if (text->n == 0 || text->p[0] != '.') return true;
    size_t n = 1;
    for (int weight = 100; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++, weight /= 10)
        *out_ms += weight * (text->p[n] - '0');
    *text = rb_str_from(*text, n);
    return n > 1;
}

static bool read_zone(rb_str text, int64_t *out_ms)
{
    int hours, minutes;
    *out_ms = 0;
    if (text.n == 0 || rb_str_is(text, "Z")) return true;
    int sign = text.p[0] == '-' ? -1 : 1;
    if (text.p[0] != '+' && text.p[0] != '-') return false;
    text = rb_str_from(text, 1);
    if (!take_number(&text, 2, ':', 14, &hours) || !take_number(&text, 2, '\0', 59, &minutes) || text.n)
        return false;
    *out_ms = sign * (int64_t)(hours * 60 + minutes) * MS_A_MINUTE;
    return true;
}

bool rb_xml_date(rb_str text, int64_t *out_wall_ms)
{
    struct tm tm = {0};
    int ms;
    int64_t zone_ms;
    text = rb_str_trim(text);
    if (!take_number(&text, 4, '-', 9999, &tm.tm_year) || !take_number(&text, 2, '-', 12, &tm.tm_mon) ||
        !take_number(&text, 2, 'T', 31, &tm.tm_mday) || !take_number(&text, 2, ':', 23, &tm.tm_hour) ||
        !take_number(&text, 2, ':', 59, &tm.tm_min) || !take_number(&text, 2, '\0', 59, &tm.tm_sec) ||
        !take_fraction(&text, &ms) || !read_zone(text, &zone_ms) || !tm.tm_year || !tm.tm_mon || !tm.tm_mday)
        return false;
    int day = tm.tm_mday;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t wall_ms = (int64_t)timegm(&tm) * MS_A_SECOND + ms - zone_ms;
    if (tm.tm_mday != day || wall_ms < date_min_ms || wall_ms > date_max_ms)
        return false; /* 31 of February */
    *out_wall_ms = wall_ms;
    return true;
}
