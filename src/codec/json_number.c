/* Numbers out of their text, exactly.
 *
 * Integers come from the digits, never through a double. Doubles: 15 digits and a power of ten up to 22 are
 * exact doubles both, so one multiplication or division rounds correctly (Clinger, "How to read floating
 * point numbers accurately"); anything else goes to strtod as digits and exponent, without a decimal point,
 * which would depend on the locale. A number may have millions of digits; DIGITS_MAX of them, and a 1 for all
 * that was cut off if that was not nothing, decide every rounding, since no double and no midpoint between
 * two has more than 767. */
#include "codec/json_tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS_MAX = 780, EXACT_DIGITS = 15, EXACT_POWER = 22 };

static rb_str number_text(rb_json_val v)
{
    return rb_json_type(v) == RB_JSON_NUMBER ? rb_json_raw(v) : RB_STR_NONE;
}

static bool take_minus(rb_str *text)
{
    if (text->n == 0 || text->p[0] != '-') return false;
    *text = rb_str_from(*text, 1);
    return true;
}

bool rb_json_u64(rb_json_val v, uint64_t *out)
{
    rb_str text = number_text(v);
    uint64_t value;
    bool is_negative = take_minus(&text);
    if (!rb_str_u64(text, UINT64_MAX, &value) || (is_negative && value != 0)) return false;
    *out = value;
    return true;
}

bool rb_json_i64(rb_json_val v, int64_t *out)
{
    rb_str text = number_text(v);
    uint64_t value;
    bool is_negative = take_minus(&text);
    if (!rb_str_u64(text, (uint64_t)INT64_MAX + is_negative, &value)) return false;
    *out = is_negative && value ? -(int64_t)(value - 1) - 1 : (int64_t)value;
    return true;
}

/* digits * 10^power */
struct decimal {
    char digits[DIGITS_MAX + 40]; /* and room for what strtod is given after them */
    size_t n;
    int64_t power;
    bool is_cut; /* something other than zeros was left out */
};

static void add_digit(struct decimal *d, char digit, bool is_fraction)
{
    if (d->n == DIGITS_MAX) {
        d->is_cut |= digit != '0';
        d->power += !is_fraction;
        return;
    }
    if (d->n > 0 || digit != '0') d->digits[d->n++] = digit;
    d->power -= is_fraction;
}

static int64_t read_exponent(rb_str text)
{
    int64_t value = 0;
    bool is_negative = take_minus(&text);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '+') continue;
        if (value < INT32_MAX) value = value * 10 + (text.p[i] - '0');
    }
    return is_negative ? -value : value;
}

static void read_decimal(struct decimal *d, rb_str text)
{
    bool is_fraction = false;
    d->n = 0;
    d->power = 0;
    d->is_cut = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '.') {
            is_fraction = true;
        } else if ((text.p[i] | 0x20) == 'e') {
            d->power += read_exponent(rb_str_from(text, i + 1));
            return;
        } else {
            add_digit(d, text.p[i], is_fraction);
        }
    }
}

static bool exact_value(const struct decimal *d, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    if (d->n > EXACT_DIGITS || d->power < -EXACT_POWER || d->power > EXACT_POWER) return false;
    for (size_t i = 0; i < d->n; i++) digits = digits * 10 + (uint64_t)(d->digits[i] - '0');
    *out = d->power < 0 ? (double)digits / powers[-d->power] : (double)digits * powers[d->power];
    return true;
}

static double rounded_value(struct decimal *d)
{
    int64_t magnitude =
        d->power + (int64_t)d->n; /* the value is below 10^magnitude and not below a tenth of it */
    if (d->n == 0 || magnitude < -400) return 0;
    if (magnitude > 400) return HUGE_VAL;
    if (d->is_cut) {
        d->digits[d->n++] = '1';
        d->power--;
    }
    snprintf(d->digits + d->n, sizeof d->digits - d->n, "e%lld", (long long)d->power);
    return strtod(d->digits, NULL);
}

bool rb_json_double(rb_json_val v, double *out)
{
    rb_str text = number_text(v);
    if (text.n == 0) return false;
    bool is_negative = take_minus(&text);
    struct decimal d;
    double value;
    read_decimal(&d, text);
    if (!exact_value(&d, &value)) value = rounded_value(&d);
    if (isinf(value)) return false;
    *out = is_negative ? -value : value;
    return true;
}
