#include "loop/loop.h"

#include "base/mem.h"

#include "loop_rig.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct rb_loop *loop;

static int make_loop(void **state)
{
    (void)state;
    loop = rb_loop_new("test");
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    rb_loop_free(loop);
    return 0;
}

/* ---- mail ---- */

enum { SENDERS = 4, LETTERS = 100000 };

struct letter {
    struct rb_mail mail;
    unsigned sender, number;
};
static unsigned next_number[SENDERS], letters_got;

static void on_letter(struct rb_mail *mail)
{
    struct letter *letter = RB_OUTER(mail, struct letter, mail);
    assert_int_equal(letter->number, next_number[letter->sender]);
    assert_ptr_equal(rb_loop_current(), loop);
    next_number[letter->sender]++;
    letters_got++;
    rb_free(letter);
    if (letters_got == SENDERS * LETTERS) rb_loop_stop(loop);
}

static void *send_letters(void *arg)
{
    for (unsigned i = 0; i < LETTERS; i++) {
        struct letter *letter = rb_new(struct letter);
        *letter =
            (struct letter){.mail = {.run = on_letter}, .sender = (unsigned)(uintptr_t)arg, .number = i};
        rb_loop_post(loop, &letter->mail);
    }
    return NULL;
}

static void letters_of_each_sender_keep_their_order(void **state)
{
    (void)state;
    pthread_t threads[SENDERS];
    for (uintptr_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, (void *)i), 0);
    rb_loop_run(loop);
    for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(letters_got, SENDERS * LETTERS);
    assert_null(rb_loop_current());
}

static unsigned late_letters;
static struct rb_mail second_late = {NULL, NULL};

static void on_second_late(struct rb_mail *mail)
{
    (void)mail;
    late_letters++;
}

static void on_late(struct rb_mail *mail)
{
    (void)mail;
    late_letters++;
    second_late.run = on_second_late;
    rb_loop_post(loop, &second_late);
}

static void letters_that_wait_when_the_loop_is_freed_are_run(void **state)
{
    (void)state;
    loop = rb_loop_new("test");
    rb_loop_stop(loop); /* before it runs: the run ends at once */
    rb_loop_run(loop);
    struct rb_mail late = {.run = on_late};
    rb_loop_post(loop, &late);
    rb_loop_free(loop);
    assert_int_equal(late_letters, 2);
}

/* ---- before sleeping ---- */

static char order[32];
static struct named {
    struct rb_task task;
    char name;
} tasks[6];

static void note(struct rb_task *task)
{
    order[strlen(order)] = RB_OUTER(task, struct named, task)->name;
}

static void note_and_request(struct rb_task *task)
{
    note(task);
    rb_loop_before_sleep(loop, &tasks[4].task);
    rb_loop_before_sleep(loop, &tasks[2].task); /* waits already: stays where it is */
    rb_loop_forget_task(&tasks[3].task);
}

static void request_tasks(struct rb_mail *mail)
{
    (void)mail;
    for (unsigned i = 0; i < 6; i++)
        tasks[i] = (struct named){.task = {.run = note}, .name = (char)('a' + i)};
    tasks[1].task.run = note_and_request;
    for (unsigned i = 0; i < 4; i++) rb_loop_before_sleep(loop, &tasks[i].task);
    rb_loop_before_sleep(loop, &tasks[0].task);
    rb_loop_forget_task(&tasks[5].task); /* never requested */
    rb_loop_stop(loop);                  /* the turn is still a whole one */
}

static void tasks_run_once_in_order_before_the_loop_sleeps(void **state)
{
    (void)state;
    struct rb_mail mail = {.run = request_tasks};
    rb_loop_post(loop, &mail);
    rb_loop_run(loop);
    assert_string_equal(order, "abce");
}

/* ---- work, signals ---- */

enum { WORKS = 50 };
static struct errand {
    pthread_t worker;
    int n;
} errands[WORKS];
static int works_done;

static void work(void *arg)
{
    struct errand *errand = arg;
    errand->worker = pthread_self();
    errand->n *= 2;
}

static void work_done(void *arg)
{
    struct errand *errand = arg;
    assert_false(pthread_equal(errand->worker, pthread_self()));
    assert_ptr_equal(rb_loop_current(), loop);
    assert_int_equal(errand->n, 2 * (errand - errands));
    if (++works_done == WORKS) rb_loop_stop(loop);
}

static void work_is_done_elsewhere_and_reported_here(void **state)
{
    (void)state;
    for (int i = 0; i < WORKS; i++) {
        errands[i].n = i;
        rb_loop_work(loop, work, work_done, &errands[i]);
    }
    rb_loop_run(loop);
    assert_int_equal(works_done, WORKS);
}

static bool was_told;

static void tell_by_mail(struct rb_mail *mail)
{
    (void)mail;
    was_told = true;
}

static struct rb_mail told = {.run = tell_by_mail};

static void post_told(void *arg)
{
    rb_loop_post(arg, &told);
}

static void work_hard(void *arg)
{
    (void)arg;
    for (uint64_t until_ns = rb_clock_real_ns() + 2000000; rb_clock_real_ns() < until_ns;) continue;
}

static void work_under_way_is_waited_for_by_free(void **state)
{
    (void)state;
    loop = rb_loop_new("test");
    rb_loop_work(loop, work_hard, post_told, loop);
    rb_loop_free(loop);
    assert_true(was_told);
}

static int signals_got;

static void on_signal(void *arg, int number)
{
    assert_int_equal(number, SIGUSR1);
    if (++*(int *)arg == 2) rb_loop_stop(loop);
    if (*(int *)arg == 1) kill(getpid(), SIGUSR1);
}

static void signals_come_to_the_loop(void **state)
{
    (void)state;
    rb_loop_on_signal(loop, SIGUSR1, on_signal, &signals_got);
    kill(getpid(), SIGUSR1);
    rb_loop_run(loop);
    assert_int_equal(signals_got, 2);
}

/* ---- life ---- */

static void stop_by_mail(struct rb_mail *mail)
{
    (void)mail;
    was_told = true;
    rb_loop_stop(loop);
}

static struct rb_mail last_letter = {.run = stop_by_mail};

static void post_last_letter(struct rb_mail *mail)
{
    (void)mail;
    rb_loop_post(loop, &last_letter);
}

static void each_stop_ends_one_run(void **state)
{
    (void)state;
    struct rb_mail first = {.run = post_last_letter};
    for (int i = 0; i < 3; i++) {
        was_told = false;
        rb_loop_post(loop, &first);
        rb_loop_run(loop); /* for two turns */
        assert_true(was_told);
    }
}

static struct rb_task last_task;

static void post_from_task(struct rb_task *task)
{
    (void)task;
    rb_loop_post(loop, &told);
}

static void request_last_task(struct rb_mail *mail)
{
    (void)mail;
    last_task.run = post_from_task;
    rb_loop_before_sleep(loop, &last_task);
}

static void an_ended_loop_still_runs_its_letters(void **state)
{
    (void)state;
    loop = rb_loop_new("test");
    struct rb_mail mail = {.run = request_last_task};
    for (int i = 0; i < 3; i++) { /* the first ends it; the last is left to free */
        was_told = false;
        rb_loop_post(loop, &mail); /* a letter that requests a task that posts a letter */
        assert_false(was_told);
        if (i == 2)
            rb_loop_free(loop);
        else
            rb_loop_end(loop);
        assert_true(was_told);
    }
}

static void *stop_it(void *arg)
{
    rb_loop_stop(arg);
    return NULL;
}

static void stops_from_another_thread_and_runs_again(void **state)
{
    (void)state;
    struct rb_timer idle = {.due_ms = 0};
    rb_timer_start(loop, &idle, 3600 * 1000, NULL);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
        rb_loop_run(loop);
        pthread_join(thread, NULL);
    }
    rb_timer_stop(&idle);
    rb_loop_free(NULL);
}

int main(void)
{
#define ON_A_LOOP(test) cmocka_unit_test_setup_teardown(test, make_loop, free_loop)
    const struct CMUnitTest tests[] = {
        ON_A_LOOP(letters_of_each_sender_keep_their_order),
        cmocka_unit_test(letters_that_wait_when_the_loop_is_freed_are_run),
        ON_A_LOOP(tasks_run_once_in_order_before_the_loop_sleeps),
        ON_A_LOOP(work_is_done_elsewhere_and_reported_here),
        cmocka_unit_test(work_under_way_is_waited_for_by_free),
        ON_A_LOOP(signals_come_to_the_loop),
        ON_A_LOOP(each_stop_ends_one_run),
        cmocka_unit_test(an_ended_loop_still_runs_its_letters),
        ON_A_LOOP(stops_from_another_thread_and_runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
