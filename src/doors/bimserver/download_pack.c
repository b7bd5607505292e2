/* When a file is packed before it is sent. */
#include "doors/bimserver/files_web.h"

/* "q=0", "q=0.000": not this. */
static bool is_excluded(rb_str parameters)
{
    rb_str parameter;
    while (rb_str_split(&parameters, ';', &parameter)) {
        parameter = rb_str_trim(parameter);
        bool is_weight = parameter.n > 2 && (parameter.p[0] | 0x20) == 'q' && parameter.p[1] == '=';
        if (!is_weight) continue;
        for (size_t i = 2; i < parameter.n; i++)
            if (parameter.p[i] >= '1' && parameter.p[i] <= '9') return false;
        return true;
    }
    return false;
}

/* "*" allows gzip, but does not ask for it. */
bool bim_wants_gzip(rb_str accept_encoding)
{
    rb_str item, coding;
    while (rb_str_split(&accept_encoding, ',', &item)) {
        rb_str_split(&item, ';', &coding);
        coding = rb_str_trim(coding);
        if (rb_str_ieq(coding, RB_STR("gzip")) || rb_str_ieq(coding, RB_STR("x-gzip")))
            return !is_excluded(item);
    }
    return false;
}

bool bim_is_packable(rb_str type)
{
    static const char *const packed[] = {"application/zip",  "application/gzip",
                                         "application/zstd", "application/x-xz",
                                         "application/pdf",  "application/x-7z-compressed"};
    static const char *const families[] = {"image/", "audio/", "video/"};
    for (size_t i = 0; i < RB_COUNT(packed); i++)
        if (rb_str_ieq(type, rb_str_of(packed[i]))) return false;
    for (size_t i = 0; i < RB_COUNT(families); i++) {
        rb_str family = rb_str_of(families[i]);
        if (rb_str_ieq(rb_str_sub(type, 0, family.n), family)) return false;
    }
    return true;
}
