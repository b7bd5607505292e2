/* Which texts are paths, and that what lies beside the shared directory cannot be reached. */
#include "test.h"

#include "base/check.h"
#include "doors/era/paths.h"
#include "doors/era/rest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void paths_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *own_job;
        int kind;
        const char *job, *name, *label;
    } table[] = {
        {"job:j1/a.txt", NULL, ERA_PATH_JOB, "j1", "a.txt", "a.txt"},
        {"job:j1/a.txt", "j2", ERA_PATH_JOB, "j1", "a.txt", "a.txt"},
        {"job:j1/ shared:x ", NULL, ERA_PATH_JOB, "j1", " shared:x ", " shared:x "},
        {"a.txt", "j2", ERA_PATH_JOB, "j2", "a.txt", "a.txt"},
        {"...", "j2", ERA_PATH_JOB, "j2", "...", "..."},
        {"shared:a", NULL, ERA_PATH_SHARED, "", "a", "a"},
        {"shared:a/b c/d.e", "j2", ERA_PATH_SHARED, "", "a/b c/d.e", "d.e"},
        {"shared:job:x/y", NULL, ERA_PATH_SHARED, "", "job:x/y", "y"},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct era_path path;
        rb_err err = era_path_parse(rb_str_of(table[i].text), rb_str_of(table[i].own_job), &path);
        if (err || (int)path.kind != table[i].kind) fail_msg("%s", table[i].text);
        assert_str(path.job, table[i].job);
        assert_str(path.name, table[i].name);
        assert_str(era_path_label(&path), table[i].label);
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *own_job;
    } table[] = {
        {"", NULL},
        {"", "j2"},
        {"a.txt", NULL},
        {"a/b", "j2"},
        {"/etc/passwd", "j2"},
        {"..", "j2"},
        {".", "j2"},
        {"a\\b", "j2"},
        {"a\nb", "j2"},
        {"a\xff", "j2"},
        {"job:", "j2"},
        {"job:j1", "j2"},
        {"job:j1/", "j2"},
        {"job:/a", "j2"},
        {"job:j1/..", "j2"},
        {"job:j1/a/b", "j2"},
        {"job:j1//a", "j2"},
        {"shared:", NULL},
        {"shared:/a", NULL},
        {"shared:a/", NULL},
        {"shared:a//b", NULL},
        {"shared:..", NULL},
        {"shared:a/../../b", NULL},
        {"shared:./a", NULL},
        {"shared:a\\..\\b", NULL},
        {"shared:a\rb", NULL},
        {"Shared:a", NULL},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        struct era_path path;
        if (era_path_parse(rb_str_of(table[i].text), rb_str_of(table[i].own_job), &path) != RB_BAD_NAME)
            fail_msg("%s", table[i].text);
    }
    struct era_path path;
    assert_int_equal(era_path_parse(rb_str_make("shared:a\0b", 10), RB_STR_NONE, &path), RB_BAD_NAME);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void check(rb_err expected, const char *name)
{
    int fd = -1;
    uint64_t bytes = 0;
    char text[16] = "";
    rb_err err = era_open_below("shared", rb_str_of(name), &fd, &bytes);
    if (err != expected) fail_msg("%s: %s", name, rb_reason_name(err));
    if (err) {
        assert_int_equal(fd, -1);
        return;
    }
    assert_int_equal(bytes, 4);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_string_equal(text, "mine");
    close(fd);
}

static void only_what_is_below_opens(void **state)
{
    (void)state;
    char dir[] = "/tmp/ringback-paths-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("shared", 0700), 0);
    assert_int_equal(mkdir("shared/a", 0700), 0);
    assert_int_equal(mkdir("shared/a/b", 0700), 0);
    assert_int_equal(mkdir("beside", 0700), 0);
    put("shared/one", "mine");
    put("shared/a/b/two", "mine");
    put("beside/three", "other");
    assert_int_equal(symlink("../beside/three", "shared/link"), 0);
    assert_int_equal(symlink("one", "shared/near"), 0);
    assert_int_equal(symlink("../beside", "shared/dir"), 0);
    assert_int_equal(symlink("/etc", "shared/a/etc"), 0);
    assert_int_equal(mkfifo("shared/fifo", 0600), 0);

    check(RB_OK, "one");
    check(RB_OK, "a/b/two");
    static const char *const absent[] = {"two",   "link",      "near",         "dir/three",
                                         "a",     "a/b",       "fifo",         "a/etc/passwd",
                                         "one/x", "a/b/two/x", "a/missing/two"};
    for (size_t i = 0; i < RB_COUNT(absent); i++) check(RB_NOT_FOUND, absent[i]);
    int fd;
    uint64_t bytes;
    assert_int_equal(era_open_below("gone", RB_STR("one"), &fd, &bytes), RB_NOT_FOUND);

    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* ---- what stands beside the paths in a request ---- */

static void cookies_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value; /* NULL: there is none */
    } table[] = {
        {"RSessionId=abc", "abc"},
        {"a=1; RSessionId=abc; b=2", "abc"},
        {"a=1;RSessionId=abc", "abc"},
        {"RSessionId=a=b", "a=b"},
        {"RSessionId=", ""},
        {"RSessionId", NULL},
        {"rsessionid=abc", NULL},
        {"xRSessionId=abc", NULL},
        {"RSessionIdx=abc", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        rb_str value = era_cookie(rb_str_of(table[i].header), "RSessionId");
        if (!value.p != !table[i].value || !rb_str_eq(value, rb_str_of(table[i].value)))
            fail_msg("%s", table[i].header);
    }
}

static void session_ids_have_a_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_one;
    } table[] = {
        {"01234567-89ab-4cde-8f01-23456789abcd", true},
        {"01234567-89AB-4CDE-8F01-23456789ABCD", true},
        {"01234567-89ab-4cde-8f01-23456789abc", false},
        {"01234567-89ab-4cde-8f01-23456789abcde", false},
        {"01234567089ab-4cde-8f01-23456789abcd", false},
        {"0123456--89ab-4cde-8f01-23456789abcd", false},
        {"g1234567-89ab-4cde-8f01-23456789abcd", false},
        {"rb_abcdefghijklmnopqrstuvwxyz012345", false},
        {"", false},
    };
    for (size_t i = 0; i < RB_COUNT(table); i++)
        if (era_is_session_id(rb_str_of(table[i].text)) != table[i].is_one) fail_msg("%s", table[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_apart),    cmocka_unit_test(others_are_refused),
        cmocka_unit_test(only_what_is_below_opens), cmocka_unit_test(cookies_are_found),
        cmocka_unit_test(session_ids_have_a_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
